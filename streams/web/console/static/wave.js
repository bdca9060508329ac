// The waveform: click a segment to hear it; the line follows what is played.
import { typing } from "./console.js";
const audio = document.querySelector("audio");
const figure = document.querySelector(".wave");
const svg = figure?.querySelector("svg");
const line = svg?.querySelector(".now");
const duration = Number(figure?.dataset.duration ?? 0);
const stretches = [...(svg?.querySelectorAll("rect[data-start]") ?? [])];

function hear(at) {
  const play = () => { audio.currentTime = Math.min(at, (audio.duration || at) - 0.05); audio.play().catch(() => {}); };
  if (audio.readyState >= 1) play(); else { audio.addEventListener("loadedmetadata", play, { once: true }); audio.load(); }
}

function mark() {
  if (!svg) return;
  const x = (audio.currentTime / duration) * svg.viewBox.baseVal.width;
  line.setAttribute("x1", x); line.setAttribute("x2", x);
  stretches.forEach((one) => one.classList.toggle("here", x >= one.x.baseVal.value && x < one.x.baseVal.value + one.width.baseVal.value));
}

if (audio) {
  audio.addEventListener("error", () => { audio.hidden = true; document.querySelectorAll(".gone").forEach((one) => { one.hidden = false; }); });
  audio.addEventListener("timeupdate", mark);
  svg?.addEventListener("click", (event) => {
    const rect = event.target.closest("rect[data-start]");
    const box = svg.getBoundingClientRect();
    hear(rect ? Number(rect.dataset.start) : ((event.clientX - box.left) / box.width) * duration);
  });
  for (const button of document.querySelectorAll(".seek")) button.addEventListener("click", () => hear(Number(button.dataset.start)));
  document.addEventListener("keydown", (event) => {
    if (typing(event) || event.ctrlKey || event.target.matches("button, a, summary, audio")) return;
    if (event.key === " ") { event.preventDefault(); if (audio.paused) audio.play().catch(() => {}); else audio.pause(); }
    const step = { ",": -1, ".": 1 }[event.key];
    if (step && stretches.length) {
      const starts = stretches.map((one) => Number(one.dataset.start));
      const now = starts.findLastIndex((start) => start <= audio.currentTime + 0.1);
      hear(starts[Math.max(0, Math.min(starts.length - 1, now + step))]);
    }
  });
}
