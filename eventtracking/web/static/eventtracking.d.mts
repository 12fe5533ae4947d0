/** The module exports the functions of the script. */

import type { Client } from "./eventtracking.js";

export * from "./eventtracking.js";
declare const client: Client;
export default client;
