// A gRPC server of @grpc/grpc-js that answers each unary call with what it got: `node grpc-server.mjs <port>`.

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ECHO } from './grpc-echo.mjs';

const server = new Server();
server.addService(ECHO, { unary: (call, answer) => answer(null, call.request) });
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
