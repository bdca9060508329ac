// On every page: light or dark, remembered in this browser alone.
const root = document.documentElement;
const kept = localStorage.getItem("theme");
if (kept) root.dataset.theme = kept;
document.getElementById("theme")?.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

document.querySelector("header nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // on a phone

// The session's token, for what scripts send.
export const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

// Whether a key is meant for a text field and not for us.
export const typing = (event) =>
  event.altKey || event.metaKey || event.target.matches?.("textarea, select, input:not([type=radio], [type=checkbox])");
