import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppTasks, appIdsFrom, appPath } from '../../../../namers/marathon/answers.js';
import { GarbageError } from '../../../../namers/shared/registry-watch.js';

/** `host:port` of each endpoint, and the complaints. */
function read(tasks: AppTasks, app: object): { endpoints: string[]; complaints: string[] } {
  const complaints: string[] = [];
  const endpoints = tasks.endpoints({ app }, (message) => complaints.push(message));
  return { endpoints: endpoints.map(({ host, port }) => `${host}:${port}`), complaints };
}

const TASK = { id: 'web.1', state: 'TASK_RUNNING', host: '10.0.0.1', ports: [31001, 31002] };
const DISCOVERY = { discovery: { ports: [{ number: 8080, name: 'http', protocol: 'tcp' }] } };

describe('appIdsFrom', () => {
  test('gives ids by their path in lower case', () => {
    const ids = appIdsFrom({ apps: [{ id: '/web' }, { id: '/Shop/Cart' }, { id: '/größe' }] }, assert.fail);
    assert.deepEqual(
      [...ids],
      [
        ['/web', '/web'],
        ['/shop/cart', '/Shop/Cart'],
        [appPath('/größe').show(), '/größe'],
      ],
    );
  });

  test('has none where Marathon has none', () => {
    assert.equal(appIdsFrom({ apps: [] }, assert.fail).size, 0);
  });

  test('leaves out what has no id, and complains', () => {
    const complaints: string[] = [];
    const ids = appIdsFrom({ apps: [{ id: 7 }, null, 'x', { id: '/' }, { id: '/web' }] }, (m) => complaints.push(m));
    assert.deepEqual([...ids.keys()], ['/web']);
    assert.deepEqual(complaints, [
      'app without an id: {"id":7}; it is left out',
      'app without an id: null; it is left out',
      'app without an id: "x"; it is left out',
      'app without an id: {"id":"/"}; it is left out',
    ]);
  });

  test('refuses what is no list of apps', () => {
    for (const answer of [{}, [], null, 'apps', { apps: null }, { apps: {} }, { message: 'no leader' }]) {
      assert.throws(() => appIdsFrom(answer, assert.fail), GarbageError, JSON.stringify(answer));
    }
  });
});

describe('AppTasks', () => {
  const rows: readonly (readonly [what: string, app: object, endpoints: readonly string[]])[] = [
    ['the host and first port of a task', { tasks: [TASK] }, ['10.0.0.1:31001']],
    ['a host name', { tasks: [{ ...TASK, host: 'agent-1.example' }] }, ['agent-1.example:31001']],
    [
      'nothing of a task without ports',
      {
        tasks: [
          { ...TASK, ports: [] },
          { ...TASK, id: '2', ports: null },
        ],
      },
      [],
    ],
    ['tasks that are being started', { tasks: [{ ...TASK, state: 'TASK_STAGING' }] }, ['10.0.0.1:31001']],
    [
      "the task's own first address with the discovery port",
      { ipAddress: DISCOVERY, tasks: [{ ...TASK, ipAddresses: [{ ipAddress: '9.0.0.1' }, { ipAddress: '9.0.0.2' }] }] },
      ['9.0.0.1:8080'],
    ],
    [
      'nothing of a task without an address of its own',
      { ipAddress: DISCOVERY, tasks: [TASK, { ...TASK, id: '2', ipAddresses: [] }] },
      [],
    ],
    [
      'the host where discovery has no port number',
      {
        ipAddress: { discovery: { ports: [{ name: 'http' }] } },
        tasks: [{ ...TASK, ipAddresses: [{ ipAddress: '9.0.0.1' }] }],
      },
      ['10.0.0.1:31001'],
    ],
    [
      'the host where discovery has no ports',
      { ipAddress: { discovery: { ports: [] } }, tasks: [TASK] },
      ['10.0.0.1:31001'],
    ],
    ['the host without ipAddress', { ipAddress: null, tasks: [TASK] }, ['10.0.0.1:31001']],
    ['nothing without tasks', { tasks: [] }, []],
  ];
  for (const [what, app, endpoints] of rows) {
    test(`gives ${what}`, () => {
      assert.deepEqual(read(new AppTasks(false), app), { endpoints: [...endpoints], complaints: [] });
    });
  }

  const checks = [{ path: '/health' }, { path: '/ready' }];
  const up = { alive: true };
  const down = { alive: false };
  const healthRows: readonly (readonly [what: string, app: object, isTaken: boolean])[] = [
    [
      'a running task that passed all checks',
      { healthChecks: checks, tasks: [{ ...TASK, healthCheckResults: [up, up] }] },
      true,
    ],
    [
      'no task that failed a check',
      { healthChecks: checks, tasks: [{ ...TASK, healthCheckResults: [up, down] }] },
      false,
    ],
    ['no task in its grace period (1.x bug 32)', { healthChecks: checks, tasks: [TASK] }, false],
    [
      'no task that has passed one of two checks so far',
      { healthChecks: checks, tasks: [{ ...TASK, healthCheckResults: [up] }] },
      false,
    ],
    [
      'no task with null for results',
      { healthChecks: checks, tasks: [{ ...TASK, healthCheckResults: [null, null] }] },
      false,
    ],
    ['a running task of an app without checks', { tasks: [TASK] }, true],
    ['a running task of an app with an empty list of checks', { healthChecks: [], tasks: [TASK] }, true],
    ['no task that is being started', { tasks: [{ ...TASK, state: 'TASK_STARTING' }] }, false],
    ['no task without a state', { tasks: [{ ...TASK, state: undefined }] }, false],
    [
      'no unhealthy task with an address of its own',
      { ipAddress: DISCOVERY, healthChecks: checks, tasks: [{ ...TASK, ipAddresses: [{ ipAddress: '9.0.0.1' }] }] },
      false,
    ],
  ];
  for (const [what, app, isTaken] of healthRows) {
    test(`with useHealthCheck gives ${what}`, () => {
      const { endpoints, complaints } = read(new AppTasks(true), app);
      assert.equal(endpoints.length, isTaken ? 1 : 0);
      assert.deepEqual(complaints, []);
    });
  }

  test('leaves out a task with a bad address or port, and complains with its id', () => {
    const tasks = [
      { ...TASK, id: 'a', ports: [70000] },
      { ...TASK, id: 'b', ports: [0] },
      { ...TASK, id: 'c', host: 'not a host' },
      { ...TASK, id: 'd', host: null },
      { ...TASK, id: 'e', ports: ['x'] },
      { host: '10.0.0.300', ports: [80] },
      { ...TASK, id: 'z' },
    ];
    assert.deepEqual(read(new AppTasks(false), { tasks }), {
      endpoints: ['10.0.0.1:31001'],
      complaints: [
        'task "a": port 70000 is not in 1-65535; it is left out',
        'task "b": port 0 is not in 1-65535; it is left out',
        'task "c": address "not a host" is neither an IP address nor a host name; it is left out',
        'task "d": address undefined is neither an IP address nor a host name; it is left out',
        'task "e": port "x" is not in 1-65535; it is left out',
        'task "tasks[5]": address "10.0.0.300" is neither an IP address nor a host name; it is left out',
      ],
    });
  });

  test('complains of a discovery port out of range for each task, and keeps what was good', () => {
    const tasks = new AppTasks(false);
    const task = { ...TASK, ipAddresses: [{ ipAddress: '9.0.0.1' }] };
    read(tasks, { ipAddress: DISCOVERY, tasks: [task] });
    assert.deepEqual(read(tasks, { ipAddress: { discovery: { ports: [{ number: 70000 }] } }, tasks: [task] }), {
      endpoints: ['9.0.0.1:8080'],
      complaints: ['task "web.1": port 70000 is not in 1-65535; its last good address stays in use'],
    });
  });

  test('refuses what is no answer about an app', () => {
    for (const answer of [{}, null, [], { app: null }, { app: {} }, { app: { tasks: {} } }, { message: 'no' }]) {
      assert.throws(() => new AppTasks(false).endpoints(answer, assert.fail), GarbageError, JSON.stringify(answer));
    }
  });
});
