// serve.mjs [PORT]: serves the built page on localhost and prints its address. Without a number: 4173, or another port where that is taken.
import { preview } from 'vite';

const wanted = process.argv[2] === undefined ? undefined : Number(process.argv[2]);
const server = await preview({
  preview: { host: '127.0.0.1', port: wanted ?? 4173, strictPort: wanted !== undefined },
  logLevel: 'warn',
});
const { port } = server.httpServer.address();
console.log(`http://127.0.0.1:${port}/`);
