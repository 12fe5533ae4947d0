import "./eventtracking.js";

/** The client for pages made of modules; its options stand at a script element with data-endpoint. */
export const { emit, context, page, flush, on, optIn, optOut } = globalThis.eventtracking;
export default globalThis.eventtracking;
