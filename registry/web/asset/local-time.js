// A time is in UTC wherever it is shown. Its local time, by the clock of whoever
// reads it, is told on hover.
"use strict";
function tellLocalTime(time) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });
  }
}
document.querySelectorAll("time[datetime]").forEach(tellLocalTime);
