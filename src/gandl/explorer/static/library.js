// Library: the script that draws plates and curves is run only once the wells are on the screen, since it takes a second or more.
import { textOf } from "./data.js";

let libraryRun = null;

/** Run the library that stands in the page as text; resolves when `Plotly` is there. */
export function loadLibrary() {
  libraryRun ??= textOf("library").then((text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    if (!window.Plotly) throw new Error("the library that draws plates and curves does not run in this browser");
  });
  return libraryRun;
}
