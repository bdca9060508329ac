// Without this script the page says and does all the same; the curve and the parts are not played by a tap.
const audio = document.querySelector("audio");
const wave = document.querySelector(".wave");
const svg = wave?.querySelector("svg");
const line = svg?.querySelector(".now");
const duration = Number(wave?.dataset.duration ?? 0);
let end = Infinity;

function hear(from, to = Infinity) {
  end = to;
  const play = () => { audio.currentTime = from; audio.play().catch(() => {}); };
  if (audio.readyState >= 1) play(); else { audio.addEventListener("loadedmetadata", play, { once: true }); audio.load(); }
}

if (audio) {
  audio.addEventListener("error", () => {
    audio.hidden = true;
    document.querySelector(".gone").hidden = false;
    for (const button of document.querySelectorAll(".seek")) button.disabled = true;
  });
  audio.addEventListener("timeupdate", () => {
    if (line && duration) { const x = (audio.currentTime / duration) * svg.viewBox.baseVal.width; line.setAttribute("x1", x); line.setAttribute("x2", x); }
    if (audio.currentTime >= end) { end = Infinity; audio.pause(); }
  });
  for (const button of document.querySelectorAll(".seek")) button.addEventListener("click", () => hear(Number(button.dataset.start), Number(button.dataset.end)));
  svg?.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    hear(((event.clientX - box.left) / box.width) * duration);
  });
}

// One picture is drawn at a time: while ours is not, ask again.
const image = document.querySelector(".picture img");
let asked = 0;
async function again() {
  const answer = await fetch(image.src).catch(() => null);
  if (answer?.ok) { image.src = `${image.src.split("?")[0]}?drawn`; return; }
  asked += 1;
  if (answer?.status === 503 && asked < 20) { setTimeout(again, 3000); return; }
  image.hidden = true;
  document.querySelector(".gone-picture").hidden = false;
}
image?.addEventListener("error", again, { once: true });
