// A known recording beside this one: each button plays its own at the same place of the music.
const mine = document.querySelector("audio");
for (const box of document.querySelectorAll(".known[data-speed]")) {
  const theirs = box.querySelector("audio");
  const here = Number(box.dataset.here), there = Number(box.dataset.there), speed = Number(box.dataset.speed);
  const buttons = [...box.querySelectorAll("[data-side]")];
  let at = here; // of this upload; goes on whichever of the two is heard
  let side = null;

  function start(audio, second) {
    const play = () => { audio.currentTime = Math.max(0, Math.min(second, (audio.duration || second) - 0.05)); audio.play().catch(() => {}); };
    if (audio.readyState >= 1) play(); else { audio.addEventListener("loadedmetadata", play, { once: true }); audio.load(); }
  }

  function show() { for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.side === side)); }

  for (const button of buttons) button.addEventListener("click", () => {
    if (side === "A") at = mine.currentTime;
    if (side === "B") at = here + (theirs.currentTime - there) / speed;
    mine.pause();
    theirs.pause();
    side = side === button.dataset.side ? null : button.dataset.side;
    if (at < here) at = here;
    if (side === "A") start(mine, at);
    if (side === "B") start(theirs, there + (at - here) * speed);
    show();
  });
  mine?.addEventListener("play", () => { if (side !== "A") { theirs.pause(); side = null; show(); } });
  theirs.addEventListener("error", () => { theirs.hidden = true; box.querySelector(".gone").hidden = false; for (const one of buttons) one.disabled = true; });
}
