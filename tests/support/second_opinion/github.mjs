// Run the GitHub emulator of the npm package `emulate` with the seed given as JSON; print where it is, and its App's key.
import { pathToFileURL } from "node:url";

const [entry, port, seed] = process.argv.slice(2);
const { createEmulator } = await import(pathToFileURL(entry).href);
const emulator = await createEmulator({
  service: "github",
  port: Number(port),
  baseUrl: `http://127.0.0.1:${port}`,
  seed: JSON.parse(seed),
});
const key = emulator.generatedSecrets.find((secret) => secret.kind === "github.app_private_key").value;
console.log(JSON.stringify({ url: emulator.url, key }));
