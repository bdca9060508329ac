// Check a track: send a file with its progress, then go to its page.
import { csrf } from "./console.js";
const form = document.getElementById("drop");
const input = document.getElementById("file");
const bar = document.getElementById("sent");
const status = document.getElementById("status");
const most = Number(form.dataset.most);

function send(file) {
  if (file.size > most) { status.textContent = `${file.name} is larger than ${Math.round(most / 1048576)} MB.`; return; }
  const declared = form.querySelector("[name=declared]:checked").value;
  const body = new FormData();
  if (declared) body.append("metadata", JSON.stringify({ declared: { contains_ai: declared } }));
  body.append("file", file);
  const request = new XMLHttpRequest(); // fetch tells nothing of how much has been sent
  request.open("POST", "/check");
  request.setRequestHeader("X-CSRF-Token", csrf);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  bar.hidden = false;
  status.textContent = `Sending ${file.name} …`;
  request.upload.onprogress = (event) => { bar.value = event.loaded / event.total; };
  request.onload = () => {
    if (request.status === 202) { location.assign(request.response.page); return; }
    bar.hidden = true;
    status.textContent = request.response?.message ?? "It was not taken; try again.";
  };
  request.onerror = () => { bar.hidden = true; status.textContent = "The connection broke off; nothing was kept. Try again."; };
  request.send(body);
}

input.addEventListener("change", () => { if (input.files[0]) send(input.files[0]); });
form.addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragover", "dragenter"]) form.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => form.classList.remove("over"));
form.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]); });
