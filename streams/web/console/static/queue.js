// The queue by keyboard: j, k, Enter, n.
import { typing } from "./console.js";
const rows = [...document.querySelectorAll("#queue tbody tr")].filter((row) => row.querySelector(".row-link"));
let at = -1;
document.addEventListener("keydown", (event) => {
  if (typing(event) || event.ctrlKey) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step && rows.length) {
    rows[at]?.classList.remove("here");
    at = Math.max(0, Math.min(rows.length - 1, at + step));
    rows[at].classList.add("here");
    rows[at].querySelector(".row-link").focus();
    rows[at].scrollIntoView({ block: "nearest" });
  }
  if (event.key === "n") document.getElementById("next")?.click();
});
