// MQTT.js through a gateway to an MQTT broker that knows nothing of WebSocket: one client listens,
// another one speaks. Called as `node mqtt.mjs ws://host:port/`; what it prints, and when it gives up,
// is as in ws.mjs.

import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.WSFERRY_TEST_NODE_MODULES, "clients.js"));
const mqtt = require("mqtt");
const { version } = require("mqtt/package.json");

const DEADLINE_MS = 60000;
const TOPIC = "ferry/crossing";

function finish(status, sentence) {
  console.log(sentence);
  process.exit(status);
}

function differs(sentence) {
  finish(1, `mqtt: ${sentence}`);
}

function connect(url, protocolVersion) {
  return mqtt.connectAsync(url, { protocolVersion, reconnectPeriod: 0 }, false);
}

// The next message that a client gets.
function next(client) {
  return new Promise((resolve) => {
    client.once("message", (topic, payload) => resolve({ topic, payload }));
  });
}

async function exchange(url, protocolVersion, qos, payload) {
  const [listener, speaker] = [await connect(url, protocolVersion), await connect(url, protocolVersion)];
  await listener.subscribeAsync(TOPIC, { qos });
  const arriving = next(listener);
  await speaker.publishAsync(TOPIC, payload, { qos });
  const arrived = await arriving;
  const name = `version ${protocolVersion}, qos ${qos}, ${payload.length} bytes`;
  if (arrived.topic !== TOPIC) differs(`${name}: it came with the topic ${arrived.topic}.`);
  if (!arrived.payload.equals(payload)) differs(`${name}: ${arrived.payload.length} other bytes came.`);
  await listener.endAsync();
  await speaker.endAsync();
}

async function main(url) {
  const big = Buffer.alloc(1 << 20, Buffer.from(Array.from({ length: 251 }, (_, at) => at)));
  for (const protocolVersion of [4, 5]) {
    for (const [qos, payload] of [[0, Buffer.from("Grüße")], [1, Buffer.alloc(0)], [2, big]]) {
      await exchange(url, protocolVersion, qos, payload);
    }
  }
  finish(0, `ok mqtt ${version}`);
}

setTimeout(() => differs(`not finished within ${DEADLINE_MS / 1000} s.`), DEADLINE_MS);
main(process.argv[2]).catch((error) => differs(`${error.message}.`));
