// Neon's driver through a gateway to a PostgreSQL that knows nothing of WebSocket, as it is used with
// Neon's wsproxy: the address of the database is in the query. Called as
//
//     node neon.mjs host:port postgres://user:password@host:port/database password|false
//
// where the last one is what the driver calls pipelineConnect: "password" sends the first messages, the
// password among them, before anything came. What it prints, and when it gives up, is as in ws.mjs; an
// error of the connection is printed as `refused: ...`, with exit status 3.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const modules = process.env.WSFERRY_TEST_NODE_MODULES;
const require = createRequire(join(modules, "clients.js"));
const { Client, Pool, neonConfig } = require("@neondatabase/serverless");
// The package does not export this file.
const { version } = JSON.parse(readFileSync(join(modules, "@neondatabase/serverless/package.json")));

const DEADLINE_MS = 60000;

function finish(status, sentence) {
  console.log(sentence);
  process.exit(status);
}

function differs(sentence) {
  finish(1, `neon: ${sentence}`);
}

async function main([gateway, connectionString, pipelineConnect]) {
  neonConfig.webSocketConstructor = require("ws");
  neonConfig.wsProxy = `${gateway}/v1`;
  neonConfig.useSecureWebSocket = false;
  neonConfig.pipelineConnect = pipelineConnect === "password" && "password";

  const client = new Client({ connectionString });
  try {
    await client.connect();
  } catch (error) {
    finish(3, `refused: ${error.message}`);
  }
  const { rows } = await client.query("SELECT $1::int * 7 AS product, 'Grüße' AS words", [6]);
  if (rows[0].product !== 42 || rows[0].words !== "Grüße") differs(`it says ${JSON.stringify(rows)}.`);
  await client.query("BEGIN");
  await client.query("CREATE TEMPORARY TABLE crossing (id int, cargo text)");
  await client.query("INSERT INTO crossing SELECT n, repeat('x', n) FROM generate_series(1, 1000) n");
  await client.query("COMMIT");
  const all = await client.query("SELECT cargo FROM crossing ORDER BY id");
  const wrong = all.rows.findIndex(({ cargo }, at) => cargo !== "x".repeat(at + 1));
  if (all.rows.length !== 1000 || wrong >= 0) differs(`row ${wrong} of ${all.rows.length} differs.`);
  await client.end();

  const pool = new Pool({ connectionString, max: 3 });
  const sums = await Promise.all([1, 2, 3, 4, 5].map((n) => pool.query("SELECT $1::int + 1 AS sum", [n])));
  const said = sums.map(({ rows: [{ sum }] }) => sum).join(" ");
  if (said !== "2 3 4 5 6") differs(`the pool says ${said}.`);
  await pool.end();
  finish(0, `ok neon ${version}`);
}

setTimeout(() => differs(`not finished within ${DEADLINE_MS / 1000} s.`), DEADLINE_MS);
main(process.argv.slice(2)).catch((error) => differs(`${error.message}.`));
