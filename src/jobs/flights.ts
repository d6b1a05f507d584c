import type { ChatClient } from '../chat/client.ts';

/**
 * More than the service can have in hand at its limit: 200 calls/s that take the 3 s after which it gives up. What is
 * behind a call in flight takes 0.2 MB of heap at 1000 ids, and garbage beside it.
 */
export const MOST_IN_FLIGHT = 640;
/** And no more than this of bodies, bytes: some 900 of 1000 ids, some dozens of the largest. */
const MOST_BYTES = 32 * 1024 * 1024;
/** Hands are added and taken away so many at a time: a chunk that is done then makes room for the next by itself. */
const STEP = 16;

/**
 * The calls of one caller that wait for their answers, and how many chunks it takes in hand: where the API is slow many
 * are in flight at the limit, so that at least half of the usual hands are left for chunks that wait for their slot.
 */
export class Flights {
  private readonly usual: number;
  private readonly onHands: (hands: number) => void;
  private hands: number;
  private calls = 0;
  private bytes = 0;

  /** @param onHands told how many chunks may be in hand, whenever that changes from the `usual` number or back */
  constructor(usual: number, onHands: (hands: number) => void) {
    this.usual = usual;
    this.hands = usual;
    this.onHands = onHands;
  }

  /** Calls that wait for their answers now. */
  get inFlight(): number {
    return this.calls;
  }

  /** The same client, whose calls are counted. */
  watch(chat: ChatClient): ChatClient {
    return {
      ...chat,
      send: async (call, options) => {
        this.change(1, call.bytes);
        try {
          return await chat.send(call, options);
        } finally {
          this.change(-1, -call.bytes);
        }
      },
    };
  }

  private change(calls: number, bytes: number): void {
    this.calls += calls;
    this.bytes += bytes;
    const hands = this.wanted();
    if (hands === this.hands) return;
    this.hands = hands;
    this.onHands(hands);
  }

  private wanted(): number {
    // Were those to come as large as those in flight, so many would fit.
    const fit = this.bytes === 0 ? MOST_IN_FLIGHT : Math.floor((MOST_BYTES * this.calls) / this.bytes);
    const beyond = Math.min(this.calls, fit, MOST_IN_FLIGHT) - Math.floor(this.usual / 2);
    return this.usual + STEP * Math.max(0, Math.ceil(beyond / STEP));
  }
}
