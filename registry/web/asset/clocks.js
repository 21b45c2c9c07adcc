// The sliders of the clocks: each snaps over the moments at which something
// changes, which the page has beside it, fills in its field, and has the form sent.
// The slider that was moved is named in the fragment of the next page, and has the
// focus there.
"use strict";
for (const box of document.querySelectorAll(".slider")) {
  const range = box.querySelector("input"), output = box.querySelector("output"), options = box.querySelectorAll("option");
  const field = document.getElementById(box.dataset.field);
  let sending;
  const tell = () => {
    const words = options[Number(range.value)].label;
    output.textContent = words;
    range.setAttribute("aria-valuetext", words);
  };
  range.addEventListener("input", tell);
  range.addEventListener("change", () => {
    tell();
    field.value = options[Number(range.value)].dataset.moment;
    // Whoever holds a key down goes on.
    clearTimeout(sending);
    sending = setTimeout(() => {
      const form = range.form, to = new URL(form.action);
      to.hash = range.id;
      form.action = to.href;
      form.requestSubmit();
    }, 350);
  });
  range.value = range.getAttribute("value");
  box.hidden = false;
  tell();
  if (location.hash === "#" + range.id) {
    range.focus();
  }
}
