// wrk: requests of HTTP/1.1, in plain text or over TLS, as fast as they are answered.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { urlOf } from './front.js';
import { type Counted, type Generate, runCommand } from './load-program.js';
import { hostName } from './request.js';

/** Prints what `done` is told as one line of JSON. */
const REPORT = `
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"us":%d,"requests":%d,"bytes":%d,"errors":%d,"p50Us":%d,"p99Us":%d}\\n',
    summary.duration, summary.requests, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;

/** One of the prepared requests after the other. */
const ROTATE = `
local prepared, at = {}, 0
init = function(args)
  for i = 1, tonumber(args[1]) do
    prepared[i] = wrk.format("GET", nil, {["Host"] = "host-" .. (i - 1) .. ".example.com"})
  end
end
request = function()
  at = at % #prepared + 1
  return prepared[at]
end
`;

export const wrk: Generate = async ({ port, front }, shape, folder, pin) => {
  const { path, seconds, connections, rotatingHosts } = shape;
  const script = join(folder, rotatingHosts > 0 ? 'rotate.lua' : 'report.lua');
  writeFileSync(script, rotatingHosts > 0 ? ROTATE + REPORT : REPORT);
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', '-s', script];
  const host = front === 'tls' ? [] : ['-H', `Host: ${hostName(0)}`];
  const url = urlOf(front, port, path);
  const output = await runCommand([...pin, 'wrk', ...options, ...host, url, '--', `${rotatingHosts}`]);
  const json = /^RESULT (.*)$/m.exec(output)?.[1];
  return json === undefined ? undefined : (JSON.parse(json) as Counted);
};
