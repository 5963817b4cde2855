// Round trips by the npm package `ws`, called as `node ws.mjs [--stream] URL`: see round_trip.py,
// which says the same for the Python clients. The package is looked for in the folder named by
// WSFERRY_TEST_NODE_MODULES, else as usual beside this file.

import { createRequire } from "node:module";
import { join } from "node:path";

const modules = process.env.WSFERRY_TEST_NODE_MODULES;
const require = createRequire(modules ? join(modules, "clients.js") : import.meta.url);
const WebSocket = require("ws");
const { version } = require("ws/package.json");

const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 16 * 1024 * 1024];
const DEADLINE_MS = 60000;

function finish(status, sentence) {
  console.log(sentence);
  process.exit(status);
}

function differs(sentence) {
  finish(1, `ws: ${sentence}`);
}

// Characters of one to four bytes: at some size every kind is cut by a frame or a buffer.
function textOf(size) {
  const pattern = Buffer.from("aé€𐍈");
  const rest = size % pattern.length;
  return Buffer.concat([Buffer.alloc(size - rest, pattern), Buffer.alloc(rest, "x")]);
}

// The period is prime, so that bytes moved by a buffer's length do not look right.
function binaryOf(size) {
  return Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, index) => index)));
}

// What to do with the next message. One listener stays for good, so that none goes unseen.
let receive = unexpected;

function unexpected(data) {
  differs(`${data.length} bytes came that answer nothing.`);
}

// Sends one message and waits until all of its answer is there.
function roundTrip(socket, isText, payload, stream) {
  const name = `${isText ? "text" : "binary"} of ${payload.length} bytes`;
  return new Promise((resolve) => {
    const received = [];
    let length = 0;
    const finishWhenComplete = () => {
      if (stream ? length < payload.length : received.length === 0) return;
      receive = unexpected;
      const answer = Buffer.concat(received);
      if (answer.length !== payload.length) differs(`${name}: ${answer.length} bytes came back.`);
      if (!answer.equals(payload)) {
        differs(`${name}: the byte at ${answer.findIndex((byte, at) => byte !== payload[at])} differs.`);
      }
      resolve();
    };
    receive = (data, isBinary) => {
      if (isBinary === (isText && !stream)) {
        differs(`${name}: the answer is of type ${isBinary ? "binary" : "text"}.`);
      }
      if (stream && data.length === 0) differs(`${name}: an empty message came back.`);
      received.push(data);
      length += data.length;
      finishWhenComplete();
    };
    socket.send(payload, { binary: !isText });
    finishWhenComplete();
  });
}

// Closes with 1000 and waits for the close code of the answer.
function closeCode(socket) {
  return new Promise((resolve) => {
    socket.removeAllListeners("close");
    socket.on("close", resolve);
    socket.close(1000);
  });
}

async function main(url, stream) {
  const socket = new WebSocket(url);
  socket.on("message", (data, isBinary) => receive(data, isBinary));
  socket.on("error", (error) => differs(`${error.message}.`));
  socket.on("close", (code) => differs(`closed by the server with ${code} before the last answer.`));
  await new Promise((resolve) => socket.on("open", resolve));
  for (const size of SIZES) {
    await roundTrip(socket, true, textOf(size), stream);
    await roundTrip(socket, false, binaryOf(size), stream);
  }
  const code = await closeCode(socket);
  if (code !== 1000) differs(`closed with 1000, and the answer's close code is ${code}.`);
  finish(0, `ok ws ${version}`);
}

const names = process.argv.slice(2).filter((argument) => argument !== "--stream");
if (names.length !== 1) finish(2, "usage: node ws.mjs [--stream] ws://host:port/");
setTimeout(() => differs(`not finished within ${DEADLINE_MS / 1000} s.`), DEADLINE_MS);
main(names[0], process.argv.includes("--stream")).catch((error) => differs(`${error.message}.`));
