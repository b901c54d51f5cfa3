// nginx: one `server` block in, a whole configuration out that keeps every file in one folder and one worker.

/** `name` keeps the files of several nginx apart. */
export function nginxConfig(folder: string, name: string, httpBlocks: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `    ${kind}_temp_path ${folder}/${name}-${kind};`)
    .join('\n');
  // Started as root, its worker would change to a user who may not read the folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `${user}
  daemon off;
  worker_processes 1;
  worker_rlimit_nofile 20000;
  pid ${folder}/${name}.pid;
  error_log ${folder}/${name}.error.log;
  events { worker_connections 19000; }
  http {
    access_log off;
    default_type text/plain;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
${temporary}
    ${httpBlocks}
  }
`;
}
