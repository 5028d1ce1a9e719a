/** Nothing for 300 ms, then grey bars in the shape of what is to come. The space is taken from the start. */
import css from "./Loading.module.css";

export function Bar({ width, height = 14 }: { width: number | string; height?: number }) {
  return <span className={css.bar} style={{ width, height }} />;
}

export function Rows({ rows, height = 40 }: { rows: number; height?: number }) {
  return (
    <div aria-hidden="true">
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: bars without identity
        <div key={i} className={css.row} style={{ height }}>
          <Bar width={`${[62, 48, 55, 40][i % 4]}%`} />
        </div>
      ))}
    </div>
  );
}
