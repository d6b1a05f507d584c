import { Command } from 'commander';
import { secretsOf } from '../config.ts';
import { causeOf } from '../doctor/group.ts';
import { doctorText } from '../doctor/text.ts';
import { createLog } from '../log.ts';
import { EXIT, misspelled, onInterrupt } from './context.ts';
import { wayOut } from './reach.ts';

/** `befriend doctor`: looks at everything a job needs and says what to do. */
export function doctorCommand(exit: (code: number) => void): Command {
  return new Command('doctor')
    .description('check settings, home, Redis, API, clock and credentials, and say what to do')
    .option('--json', 'one JSON object: {"ready": …, "findings": […]}')
    .addHelpText('after', '\nExample:\n  befriend doctor')
    .action(async (flags: { json?: boolean }) => exit(await runDoctor(flags)));
}

/** It calls the API three times, harmlessly, and starts no job. */
async function runDoctor({ json }: { json?: boolean }): Promise<number> {
  const { signal, release } = onInterrupt();
  try {
    const { examine } = await import('../doctor/doctor.ts');
    const groups = await examine({
      cwd: process.cwd(),
      env: process.env,
      nodeVersion: process.versions.node,
      processId: process.pid,
      now: () => performance.now(),
      wallClock: Date.now,
      // What goes wrong is told as a finding; a log beside it would say it twice.
      logOf: (config) => createLog({ level: 'silent', secrets: secretsOf(config) }),
      wayOut: wayOut(process.env),
      misspelled,
      signal,
    });
    const cause = causeOf(groups);
    const findings = groups.flatMap((group) => group.findings);
    const text = json ? `${JSON.stringify({ ready: cause === null, findings })}\n` : doctorText(groups, process.stdout);
    process.stdout.write(text);
    return cause === null ? EXIT.ok : cause === 'setting' ? EXIT.usage : EXIT.unreachable;
  } finally {
    release();
  }
}
