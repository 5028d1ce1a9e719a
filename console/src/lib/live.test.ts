import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MASTER, plane } from "../../test/mock/plane.ts";
import { ApiError } from "./api.ts";
import { Live } from "./live.ts";

/** A stream that the test writes by hand. */
function hand() {
  let pen: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (c) => {
      pen = c;
    },
  });
  return {
    answer: (signal: AbortSignal) => {
      signal.addEventListener("abort", () => {
        try {
          pen?.error(new DOMException("aborted", "AbortError"));
        } catch {
          // It was closed before.
        }
      });
      return Promise.resolve(new Response(body));
    },
    say: async (event: string, data: unknown) => {
      pen?.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
      await vi.advanceTimersByTimeAsync(0);
    },
    end: async () => {
      pen?.close();
      await vi.advanceTimersByTimeAsync(0);
    },
  };
}

function follow(streams: ((signal: AbortSignal) => Promise<Response>)[]) {
  const model: string[] = [];
  const asked: number[] = [];
  let sessionEnds = 0;
  const live = new Live({
    stream: (signal) => {
      asked.push(performance.now());
      return (streams.shift() ?? (() => Promise.reject(new ApiError(0, "no answer"))))(signal);
    },
    plane: () => Promise.resolve(plane(MASTER, 0, { verdict: "asked for" })),
    draw: () => 1,
    onModel: (what) => model.push(what),
    onSessionEnd: () => {
      sessionEnds += 1;
    },
  });
  live.start();
  return { live, model, asked, ends: () => sessionEnds };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("holds the newest plane, and passes on that the model changed", async () => {
  const stream = hand();
  const { live, model } = follow([stream.answer]);
  await stream.say("hello", {});
  expect(live.state()).toMatchObject({ link: "open", plane: { verdict: "asked for" } });
  await stream.say("ha", plane(MASTER, 0, { verdict: "told" }));
  await stream.say("model", { seq: 5, changes: [] });
  await stream.say("reset", {});
  expect(live.state().plane?.verdict).toBe("told");
  expect(model).toEqual(["all", "changed", "all"]);
  live.stop();
});

test("a sign of life makes an old plane be asked for again, so that ages do not grow by silence", async () => {
  const stream = hand();
  const { live } = follow([stream.answer]);
  await stream.say("hello", {});
  await stream.say("ha", plane(MASTER, 0, { verdict: "told" }));
  await vi.advanceTimersByTimeAsync(3_000);
  await stream.say("tick", {});
  expect(live.state().plane?.verdict).toBe("told");
  await vi.advanceTimersByTimeAsync(2_000);
  await stream.say("tick", {});
  expect(live.state().plane?.verdict).toBe("asked for");
  live.stop();
});

test("tries again after growing pauses, keeps what it knows, and starts small again once it heard something", async () => {
  const first = hand();
  const later = hand();
  const none = () => Promise.reject(new ApiError(0, "no answer"));
  const { live, asked } = follow([first.answer, none, none, later.answer]);
  await first.say("hello", {});
  await first.end();
  expect(live.state()).toMatchObject({ link: "waiting", trouble: "ended", attempt: 1 });
  await vi.advanceTimersByTimeAsync(500 + 1000 + 2000);
  expect(asked.map((at) => Math.round(at - (asked[0] ?? 0)))).toEqual([0, 500, 1500, 3500]);
  expect(live.state()).toMatchObject({ trouble: "unreachable", plane: { verdict: "asked for" } });
  await later.say("hello", {});
  expect(live.state()).toMatchObject({ link: "open", trouble: null, attempt: 0 });
  live.stop();
});

test("a stream that says nothing for 12 s is given up", async () => {
  const mute = hand();
  const { live } = follow([mute.answer]);
  await mute.say("hello", {});
  await vi.advanceTimersByTimeAsync(11_900);
  expect(live.state().link).toBe("open");
  await vi.advanceTimersByTimeAsync(200);
  expect(live.state()).toMatchObject({ link: "waiting", trouble: "silent" });
  live.stop();
});

test("an ended session is told once and not tried again", async () => {
  const { live, asked, ends } = follow([() => Promise.reject(new ApiError(401, "Unauthorized"))]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked.length, ends()]).toEqual([1, 1]);
  live.stop();
});

test("stopped, it asks no more", async () => {
  const { live, asked } = follow([]);
  await vi.advanceTimersByTimeAsync(100);
  live.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(1);
});
