// The error that kept a gateway from starting in, what happened and what to do about it out.

/** One line, and another one with advice where the reason is one that is met often. */
export function explainStartFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const advice = adviceFor(listenErrorOf(error));
  return advice === undefined ? message : `${message}\n  ${advice}`;
}

interface ListenError {
  readonly code: unknown;
  readonly port: unknown;
}

/** The system's error about a port, however deep the layers above have wrapped it. */
function listenErrorOf(error: unknown): ListenError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { syscall, code, port } = cause as NodeJS.ErrnoException & { readonly port?: unknown };
    if (syscall === 'listen' || syscall === 'getaddrinfo') return { code, port };
  }
  return undefined;
}

function adviceFor(error: ListenError | undefined): string | undefined {
  switch (error?.code) {
    case 'EADDRINUSE':
      return `Another process listens there. To see which, as root: ss -ltnp 'sport = :${error.port}'`;
    case 'EACCES':
    case 'EPERM':
      return (
        'Ports below 1024 need CAP_NET_BIND_SERVICE: AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, ' +
        '--cap-add NET_BIND_SERVICE for a container; or choose a port from 1024 up.'
      );
    case 'EADDRNOTAVAIL':
      return 'No interface of this machine has that address. To see those it has: ip address. For all of them: ip: 0.0.0.0';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'That host name cannot be looked up: write the IP address instead.';
    default:
      return undefined;
  }
}
