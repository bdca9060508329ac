// A one-time link: opening it in a browser logs in.
document.getElementById("enter").submit();
