// The one service of the gRPC benchmark, with messages that are bytes: no time goes into protocol buffers.

const asIs = (bytes) => bytes;

export const ECHO = {
  unary: {
    path: '/linkgate.bench.Echo/Unary',
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};
