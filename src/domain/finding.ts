/** One thing that was looked at, and what to do where it is not as it should be: what `doctor` and warnings print. */
export interface Finding {
  /** `problem`: befriend cannot work so. `warning`: it can, and something may be lost or slow. */
  level: 'ok' | 'warning' | 'problem';
  /** What was looked at, in a word or two: `redis persistence`, `clock`, `disk`. One area may have several findings. */
  area: string;
  /** What was found, with its figures. One sentence, no secret in it. */
  text: string;
  /** What to do. Absent where all is well. */
  advice?: string;
}
