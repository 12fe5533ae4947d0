/** The module has what the script has. */

import type { Client } from "./eventtracking.js";

export * from "./eventtracking.js";
declare const client: Client;
export default client;
