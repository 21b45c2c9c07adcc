// A time is in UTC wherever it is shown. Its local time, by the clock of whoever
// reads it, is told on hover.
"use strict";
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });
  }
}
