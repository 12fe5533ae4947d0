import "./eventtracking.js";

/** The client as a module. Its options are read from a script element with data-endpoint. */
export const { emit, context, page, flush, on, optIn, optOut } = globalThis.eventtracking;
export default globalThis.eventtracking;
