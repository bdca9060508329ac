// A task: hot-keys, how long it took, and the lease while the page is open.
import { csrf, typing } from "./console.js";
const form = document.getElementById("verdict");
const lease = document.getElementById("lease");
const began = Date.now();

document.addEventListener("keydown", (event) => {
  if (form && event.ctrlKey && event.key === "Enter") { form.requestSubmit(); return; }
  if (typing(event) || event.ctrlKey) return;
  const choice = form?.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (choice) { choice.checked = true; choice.focus(); choice.dispatchEvent(new Event("change", { bubbles: true })); }
  const button = { t: "take", u: "undo", n: "next" }[event.key];
  if (button) document.getElementById(button)?.click();
});

if (form) {
  const parts = document.getElementById("components");
  const show = () => { parts.hidden = !["All", "Partly"].includes(form.querySelector("[name=finding]:checked")?.value); };
  form.addEventListener("change", show);
  show();
  form.addEventListener("submit", () => { form.querySelector("[name=time_spent_ms]").value = Date.now() - began; });
}

async function renew() {
  try {
    const answer = await fetch(lease.dataset.renew, { method: "POST", headers: { "X-CSRF-Token": csrf, Accept: "application/json" } });
    const reply = await answer.json();
    if (answer.ok) lease.textContent = `yours until ${reply.until.slice(11, 16)} UTC`;
    else { lease.textContent = `no longer yours: ${reply.message}`; lease.className = "chip dead"; return; }
  } catch { /* the next try shows */ }
  setTimeout(renew, 120000);
}
if (lease) setTimeout(renew, 120000);
