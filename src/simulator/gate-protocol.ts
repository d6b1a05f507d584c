/** Messages between the gate's thread and the service's. Bodies are moved, not copied. */
export interface GateOptions {
  host: string;
  port: number;
}

export type FromGate =
  | { kind: 'listening'; port: number }
  | { kind: 'failed'; reason: string }
  | { kind: 'request'; id: number; method: string; url: string; body: Uint8Array<ArrayBuffer>; lo: number; at: number }
  /** A request whose body never came to its end: it arrived, and nothing else. */
  | { kind: 'broken'; url: string; lo: number; at: number }
  | { kind: 'closed' };

export type ToGate =
  | {
      kind: 'answer';
      id: number;
      status: number;
      contentType: string;
      body: Uint8Array<ArrayBuffer>;
      delayMs: number;
      /** Break the connection after half of the body. */
      cut: boolean;
    }
  | { kind: 'reset'; id: number; delayMs: number }
  | { kind: 'close' };
