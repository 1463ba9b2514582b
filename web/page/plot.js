// Messages per minute, of the last hour.

import { el, svg } from "./dom.js";

const MINUTE = 60_000;
const MINUTES = 60;
const [WIDTH, HEIGHT] = [600, 120];

// How many of these moments are in each of the last minutes, the newest last.
export function perMinute(moments, now) {
  const counts = Array(MINUTES).fill(0);
  const last = Math.floor(now / MINUTE);
  for (const moment of moments) {
    const ago = last - Math.floor(moment / MINUTE);
    if (ago >= 0 && ago < MINUTES) counts[MINUTES - 1 - ago] += 1;
  }
  return counts;
}

// The picture of received and sent messages, and what it says in words.
export function plot(received, sent, now) {
  const [theirs, ours] = [perMinute(received, now), perMinute(sent, now)];
  const most = Math.max(4, ...theirs.map((count, at) => count + ours[at]));
  const step = WIDTH / MINUTES;
  const bars = theirs.flatMap((count, at) => {
    const [low, high] = [(count / most) * HEIGHT, (ours[at] / most) * HEIGHT];
    const bar = (kind, y, height) =>
      svg("rect", { class: kind, x: at * step + 1, y, width: step - 2, height, rx: Math.min(2, height / 2) });
    return [
      ...(low > 0 ? [bar("received", HEIGHT - low, low)] : []),
      ...(high > 0 ? [bar("sent", HEIGHT - low - high, high)] : []),
    ];
  });
  const total = (counts) => counts.reduce((sum, count) => sum + count, 0);
  const says = `In the last hour ${total(theirs)} received, ${total(ours)} sent; at most ${most} a minute`;
  const lines = [0.5, 1].map((part) => svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT * (1 - part) + 0.5, y2: HEIGHT * (1 - part) + 0.5 }));
  const base = svg("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT });
  const picture = svg(
    "svg",
    { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT + 1}`, role: "img", "aria-label": says, preserveAspectRatio: "none" },
    ...lines,
    base,
    ...bars,
  );
  const scale = el("div.scale", {}, el("span", { textContent: "an hour ago" }), el("span", { textContent: `top line: ${most} a minute` }), el("span", { textContent: "now" }));
  const legend = el("p.legend", {}, el("i.received"), `received ${total(theirs)}`, el("i.sent"), `sent ${total(ours)}`);
  return el("figure", {}, picture, scale, legend);
}
