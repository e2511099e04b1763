/** Where the one script begins: as a page, or as the worker that the page made from it. */
import { startPage } from "./page.js";
import { serve } from "./worker.js";

if (typeof document === "undefined") serve();
else startPage();
