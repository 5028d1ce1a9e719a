/**
 * Follows the node's event stream and holds the newest condition of the plane, with the moment it was last true.
 *
 * The rule: a silence is never hidden. Whatever ends the stream (the node stops, a proxy cuts it, nothing arrives for
 * 12 s) leads to another try after a growing pause, and until something is heard again the age of the data grows.
 * Clock, pauses and chance are arguments, so that tests decide them. Pages read it through `hooks/usePlane`.
 */
import { ApiError, api } from "#lib/api.ts";
import { backoff, STALE_AFTER_S } from "#lib/freshness.ts";
import type { HaStatus } from "#lib/plane.ts";
import { eventReader, type StreamEvent } from "#lib/sse.ts";

export interface LiveState {
  /** `open`: the stream is up; `waiting`: a try follows at `retryAt`; `trying`: a try is under way. */
  link: "trying" | "open" | "waiting";
  /** Steady clock, ms: when the node last said anything. Null: it has not yet. */
  heardAt: number | null;
  /** Wall clock of this browser at `heardAt`, for sentences only. */
  heardWall: number | null;
  /** Steady clock, ms: the next try. */
  retryAt: number | null;
  attempt: number;
  /** Why the last try ended; null while all is well. */
  trouble: "unreachable" | "ended" | "silent" | "refused" | null;
  plane: HaStatus | null;
  /** Steady clock, ms: when `plane` was received. */
  planeAt: number | null;
}

export interface LiveParts {
  stream: (signal: AbortSignal) => Promise<Response>;
  plane: (signal: AbortSignal) => Promise<HaStatus>;
  now: () => number;
  wall: () => number;
  draw: () => number;
  /** Something in the model changed (`changed`), or everything must be read again (`all`). */
  onModel: (what: "changed" | "all") => void;
  /** The session is over: the person must log in again. */
  onSessionEnd: () => void;
}

const IDLE: LiveState = {
  link: "trying",
  heardAt: null,
  heardWall: null,
  retryAt: null,
  attempt: 0,
  trouble: null,
  plane: null,
  planeAt: null,
};

/** The plane is asked for again when a sign of life finds what is known this old (ms): ages must not grow by silence. */
const RENEW_AFTER_MS = 4_000;

export class Live {
  #state = IDLE;
  readonly #parts: LiveParts;
  readonly #listeners = new Set<() => void>();
  #run: AbortController | null = null;

  constructor(parts: Partial<LiveParts> & Pick<LiveParts, "onModel" | "onSessionEnd">) {
    this.#parts = {
      stream: api.stream,
      plane: api.plane,
      now: () => performance.now(),
      wall: () => Date.now(),
      draw: () => Math.random(),
      ...parts,
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  state = (): LiveState => this.#state;

  /** Begin to follow; again after `stop` is fine. */
  start(): void {
    this.stop();
    this.#run = new AbortController();
    void this.#follow(this.#run.signal);
  }

  /** Stop following, and forget nothing. */
  stop(): void {
    this.#run?.abort();
    this.#run = null;
  }

  /** Try now instead of at `retryAt`. */
  retry(): void {
    if (this.#state.link === "waiting") this.start();
  }

  #set(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#set({ link: "trying", retryAt: null });
      const trouble = await this.#once(signal);
      if (signal.aborted || trouble === null) return;
      const pause = backoff(this.#state.attempt, this.#parts.draw()) * 1000;
      this.#set({
        link: "waiting",
        trouble,
        attempt: this.#state.attempt + 1,
        retryAt: this.#parts.now() + pause,
      });
      await sleep(pause, signal);
    }
  }

  /** Follow one stream to its end; answer why it ended, or null where no further try makes sense. */
  async #once(outer: AbortSignal): Promise<LiveState["trouble"]> {
    const own = new AbortController();
    const signal = AbortSignal.any([outer, own.signal]);
    let silent = false;
    let guard = 0;
    const heard = () => {
      clearTimeout(guard);
      guard = setTimeout(() => {
        silent = true;
        own.abort();
      }, STALE_AFTER_S * 1000) as unknown as number;
    };
    heard();
    try {
      const answer = await this.#parts.stream(signal);
      const body = answer.body?.getReader();
      if (!body) return "ended";
      this.#set({ link: "open" });
      this.#renew(signal);
      const decoder = new TextDecoder();
      const read = eventReader();
      for (;;) {
        const { done, value } = await body.read();
        if (done) return "ended";
        heard();
        for (const event of read(decoder.decode(value, { stream: true }))) this.#take(event, signal);
      }
    } catch (cause) {
      if (outer.aborted) return null;
      if (silent) return "silent";
      if (cause instanceof ApiError && cause.status === 401) {
        this.#parts.onSessionEnd();
        return null;
      }
      return cause instanceof ApiError && cause.status > 0 ? "refused" : "unreachable";
    } finally {
      clearTimeout(guard);
      own.abort();
    }
  }

  #take(event: StreamEvent, signal: AbortSignal): void {
    this.#set({ heardAt: this.#parts.now(), heardWall: this.#parts.wall(), attempt: 0, trouble: null });
    switch (event.event) {
      case "hello":
        this.#parts.onModel("all");
        break;
      case "ha":
        this.#plane(JSON.parse(event.data) as HaStatus);
        break;
      case "model":
        this.#parts.onModel("changed");
        break;
      case "reset":
        this.#renew(signal);
        this.#parts.onModel("all");
        break;
      case "tick":
        if (this.#parts.now() - (this.#state.planeAt ?? Number.NEGATIVE_INFINITY) > RENEW_AFTER_MS)
          this.#renew(signal);
        break;
    }
  }

  #plane(plane: HaStatus): void {
    this.#set({ plane, planeAt: this.#parts.now() });
  }

  /** Ask for the plane beside the stream. A failure shows in the stream itself, which is then cut or silent. */
  #renew(signal: AbortSignal): void {
    const asked = this.#parts.now();
    this.#parts.plane(signal).then(
      (plane) => {
        // An event that came meanwhile is newer than this answer.
        if (!signal.aborted && (this.#state.planeAt ?? Number.NEGATIVE_INFINITY) < asked) this.#plane(plane);
      },
      () => undefined,
    );
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
