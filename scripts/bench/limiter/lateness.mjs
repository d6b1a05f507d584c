// What befriend's limiter says of its slots, and what its answers cost: a token is back one window, the margin, the
// lateness of its call and what its answer took beyond a quick one after its slot (src/limiter/limiter.ts); a slot that
// was given up is taken as lost, although some are caught up.
import { dist } from '../stage.mjs';

const { Answers } = await import(dist('limiter/answers.js'));
const { FORGIVEN } = await import(dist('limiter/calls.js'));
const { DEFAULT_TUNING } = await import(dist('limiter/timing.js'));
const { marginMs } = DEFAULT_TUNING;

/** The limiter with a stop-watch at each slot: from writing to the first bytes of the answer. */
export function measured(limiter, windowMs) {
  const answers = new Answers();
  let ended = 0;
  let laterMs = 0;
  const waits = [];
  return {
    async take(...given) {
      const askedAt = performance.now();
      const slot = await limiter.take(...given);
      waits.push(performance.now() - askedAt);
      let writtenAt = 0;
      let answeredAt = null;
      let refused = false;
      return {
        id: slot.id,
        mayWrite: () => {
          writtenAt = performance.now();
          return slot.mayWrite();
        },
        answered: () => {
          answeredAt = performance.now();
          slot.answered();
        },
        settled: (answered = true, ordinary = true) => {
          const tookMs = (answeredAt ?? performance.now()) - writtenAt;
          const excessMs = answered ? answers.excessOf(tookMs, ordinary && !refused) : tookMs;
          ended += 1;
          laterMs += Math.max(0, excessMs - FORGIVEN * marginMs);
          slot.settled(answered, ordinary);
        },
        giveUp: () => slot.giveUp(),
        throttled: (...said) => {
          refused = true;
          slot.throttled(...said);
        },
      };
    },
    figures: () => {
      const { lateness, sent, tooOld, overdue } = limiter.state;
      const answersMs = laterMs / Math.max(1, ended);
      const used = sent / Math.max(1, sent + tooOld);
      const predictedUse = (used * windowMs) / (windowMs + marginMs + lateness.p50 + answersMs);
      return { lateness, tooOld, overdue, answersMs, predictedUse, waits };
    },
  };
}
