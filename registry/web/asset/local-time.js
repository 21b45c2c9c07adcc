// A time is in UTC wherever it is shown. Its local time, by the clock of whoever
// reads it, is told on hover. tellLocalTime is global, for verify.js tells those of the
// times that it shows.
"use strict";
function tellLocalTime(time) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });
  }
}
document.querySelectorAll("time[datetime]").forEach(tellLocalTime);
