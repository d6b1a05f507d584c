/** Modes of what befriend makes in its home: it holds user ids, nobody else's business. */
export const PRIVATE_FOLDER = 0o700;
export const PRIVATE_FILE = 0o600;
