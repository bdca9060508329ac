// The picture of the evidence: one is drawn at a time. While ours is not, ask again; where it cannot be, say why.
const PAUSE_MS = 2000, MOST = 60;
for (const image of document.querySelectorAll(".picture img")) {
  const address = image.src, caption = image.parentElement.querySelector("figcaption");
  let asked = 0;

  async function again() {
    const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok) { image.src = `${address}?drawn`; return; }
    asked += 1;
    if ((answer === null || answer.status === 503) && asked < MOST) { setTimeout(again, PAUSE_MS); return; }
    image.hidden = true;
    caption.textContent = answer?.status === 503 || !answer ? "The picture could not be drawn; load the page again later." : (await answer.json()).message;
  }
  image.addEventListener("error", again, { once: true });
  if (image.complete && !image.naturalWidth) again(); // it failed before we were here
}
