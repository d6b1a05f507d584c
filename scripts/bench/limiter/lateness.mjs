// What befriend's limiter says of its slots, and what its answers cost: a token is back one window, the margin, the
// lateness of its call and what its answer took beyond a quick one after its slot (src/limiter/limiter.ts); a slot that
// was given up is taken as lost, although some are caught up.
import { dist } from '../stage.mjs';

const { DEFAULT_TUNING } = await import(dist('limiter/timing.js'));
/** As src/limiter/answers.ts and src/limiter/calls.ts reckon. */
const QUICK_QUANTILE = 0.02;
const FORGIVEN_MS = DEFAULT_TUNING.marginMs / 2;

/** The limiter with a stop-watch at each slot: from writing to the last byte of the answer. */
export function measured(limiter, windowMs) {
  const tookMs = [];
  return {
    async take(...given) {
      const slot = await limiter.take(...given);
      let writtenAt = 0;
      return {
        id: slot.id,
        mayWrite: () => {
          writtenAt = performance.now();
          return slot.mayWrite();
        },
        settled: (...said) => {
          tookMs.push(performance.now() - writtenAt);
          slot.settled(...said);
        },
        giveUp: () => slot.giveUp(),
        throttled: (...said) => slot.throttled(...said),
      };
    },
    figures: () => {
      const { lateness, sent, tooOld, overdue } = limiter.state;
      const answersMs = meanExcess(tookMs);
      const used = sent / Math.max(1, sent + tooOld);
      const predictedUse = (used * windowMs) / (windowMs + DEFAULT_TUNING.marginMs + lateness.p50 + answersMs);
      return { lateness, tooOld, overdue, answersMs, predictedUse };
    },
  };
}

/** Mean ms by which an answer makes its token come back later. */
function meanExcess(tookMs) {
  if (tookMs.length === 0) return 0;
  const quick = tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length * QUICK_QUANTILE)];
  return tookMs.reduce((sum, ms) => sum + Math.max(0, ms - quick - FORGIVEN_MS), 0) / tookMs.length;
}
