import { expect, test } from "vitest";
import { eventReader } from "./sse.ts";

const TEXT =
  ': hello\n\nevent: ha\ndata: {"a":1}\n\ndata: one\ndata: two\n\nevent: tick\ndata:{}\n\nevent: empty\n\n';
const EVENTS = [
  { event: "ha", data: '{"a":1}' },
  { event: "message", data: "one\ntwo" },
  { event: "tick", data: "{}" },
];

test.each([1, 2, 3, 7, 1000])("pieces of %d characters give the same events", (size) => {
  for (const text of [TEXT, TEXT.replaceAll("\n", "\r\n"), TEXT.replaceAll("\n", "\r")]) {
    const read = eventReader();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...read(text.slice(at, at + size)));
    // A lone carriage return at the very end may still be half of a line end.
    events.push(...read("\n"));
    expect(events).toEqual(EVENTS);
  }
});

test("an event that is not finished is held back", () => {
  const read = eventReader();
  expect(read("event: ha\ndata: {}")).toEqual([]);
  expect(read("\n")).toEqual([]);
  expect(read("\n")).toEqual([{ event: "ha", data: "{}" }]);
});
