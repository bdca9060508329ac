// A one-time link: whoever opens it in a browser wants to come in.
document.getElementById("enter").submit();
