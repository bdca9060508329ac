// An upload under way: ask how far it is, and show the page anew when it has ended.
const box = document.getElementById("follow");
const status = document.getElementById("status");
const stages = [...box.querySelectorAll("[data-stage]")];
const began = Date.now();

function show(status) {
  const at = stages.findIndex((one) => one.dataset.stage === status);
  stages.forEach((one, place) => { one.classList.toggle("past", place <= at); one.classList.toggle("now", place === at + 1); });
}

async function ask() {
  try {
    const answer = await fetch(box.dataset.state, { headers: { Accept: "application/json" } });
    if (answer.status === 401) { location.reload(); return; }
    const state = await answer.json();
    show(state.status);
    if (state.ended) { location.reload(); return; }
    if (Date.now() - began > 60000) status.textContent = "This takes longer than usual: a part may be busy or away. The page goes on by itself.";
  } catch { status.textContent = "The console does not answer; trying again."; }
  setTimeout(ask, Date.now() - began > 20000 ? 2000 : 400);
}
show("received");
ask();
