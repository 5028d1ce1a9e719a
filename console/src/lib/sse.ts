/** Reads the text of an event stream piece by piece. Pure but for what it holds back of an unfinished event. */

export interface StreamEvent {
  event: string;
  data: string;
}

/** Make a reader: feed it pieces as they arrive, get the events that they complete. */
export function eventReader(): (piece: string) => StreamEvent[] {
  let held = "";
  return (piece) => {
    held += piece;
    // A carriage return at the end may be half of a line end: wait for what follows.
    const usable = held.endsWith("\r") ? held.slice(0, -1) : held;
    const blocks = usable.replaceAll("\r\n", "\n").replaceAll("\r", "\n").split("\n\n");
    held = (blocks.pop() ?? "") + (held.endsWith("\r") ? "\r" : "");
    return blocks.map(event).filter((e) => e !== null);
  };
}

function event(block: string): StreamEvent | null {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at === 0) continue; // a comment keeps the connection open and says nothing
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }
  return data.length === 0 ? null : { event: name, data: data.join("\n") };
}
