import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { type Path, pathFromText } from '../../../src/base/path.js';
import { type Identifier, Redirect, Route, type RoutePolicy } from '../../../src/identifier/identifier.js';
import { UNKNOWN_LENGTH } from '../../../src/service/message.js';
import { RequestBody } from '../../../src/service/request-body.js';
import { FakeBreaker } from '../../support/fake-breaker.js';
import type { RoutedExchange } from '../../support/routed-exchange.js';
import { RouterScene, type RouterSceneOptions } from '../../support/router-scene.js';

const NO_POLICY: RoutePolicy = {
  backend: undefined,
  timeoutMs: undefined,
  attemptTimeoutMs: undefined,
  maxBodyBytes: undefined,
};

/** Every request is for the route to /svc/web, which is at 10.0.0.1:80. */
function setUp(policy: Partial<RoutePolicy>, options: RouterSceneOptions = {}): RouterScene {
  const route = new Route(pathFromText('svc', 'web'), { ...NO_POLICY, ...policy });
  const scene = new RouterScene({ identify: () => route, ...options });
  scene.bind('web', '10.0.0.1:80');
  return scene;
}

function clientIds({ router }: RouterScene): string[] {
  return router.clients().map(({ id }) => id.show());
}

/** A request whose body comes in pieces. */
function post(scene: RouterScene, contentLength: number, upgrade?: string) {
  const body = new RequestBody();
  const exchange = scene.ask('web', [], { method: 'POST', hasBody: true, contentLength, upgrade }, body);
  return { body, exchange };
}

describe('time limits of a route', () => {
  it('end a request with all its attempts', () => {
    const scene = setUp({ timeoutMs: 300 });
    const exchange = scene.ask('web');
    scene.clock.advance(299);
    assert.equal(exchange.status, undefined);
    scene.clock.advance(2);
    assert.equal(exchange.status, 503);
    assert.match(exchange.text, /exceeded 300\.milliseconds to the route to \/svc\/web/);
    assert.ok(scene.attempt.cancelled);
  });

  for (const [what, options, fields] of [
    ["the service's", { service: { totalTimeoutMs: 100 } }, []],
    ["the server's", { server: { timeoutMs: 100 } }, []],
    ["the caller's deadline", {}, [['grpc-timeout', '100m']]],
  ] as [string, RouterSceneOptions, [string, string][]][]) {
    it(`hold beside ${what}: the shortest counts`, () => {
      const long = setUp({ timeoutMs: 300 }, options);
      const endedByOther = long.ask('web', fields);
      long.clock.advance(101);
      assert.equal(endedByOther.status, 503);

      const short = setUp({ timeoutMs: 50 }, options);
      const endedByRoute = short.ask('web', fields);
      short.clock.advance(51);
      assert.equal(endedByRoute.status, 503);
      assert.match(endedByRoute.text, /50\.milliseconds to the route/);
    });
  }

  for (const [route, client, ends] of [
    [100, undefined, 100],
    [100, 200, 100],
    [200, 100, 100],
    [undefined, 100, 100],
  ] as const) {
    it(`give an attempt ${ends} ms where the route says ${route} and the client ${client}`, () => {
      const scene = setUp({ attemptTimeoutMs: route }, { client: { requestAttemptTimeoutMs: client } });
      const exchange = scene.ask('web');
      scene.clock.advance(ends - 1);
      assert.equal(exchange.status, undefined);
      scene.clock.advance(2);
      assert.equal(exchange.status, 503);
      assert.match(exchange.text, /exceeded 100\.milliseconds to 10\.0\.0\.1:80/);
    });
  }

  it('leave no timer behind', () => {
    const scene = setUp({ timeoutMs: 300, attemptTimeoutMs: 100 });
    scene.ask('web');
    scene.attempt.answer(200);
    scene.clock.advance(400);
    assert.equal(scene.metric('server', 'failures'), 0);
  });
});

describe('largest body of a route', () => {
  it('refuses a longer stated length before anything is sent', () => {
    const scene = setUp({ maxBodyBytes: 10 });
    const { exchange } = post(scene, 11);
    assert.equal(exchange.status, 413);
    assert.match(exchange.text, /of 11 bytes is too long: the route to \/svc\/web takes 10 bytes at most/);
    assert.equal(scene.attempts.length, 0);
    assert.equal(scene.metric('server', 'status', '413'), 1);
    // It is the caller's doing, as all that is answered with a status below 500.
    assert.equal(scene.metric('server', 'failures'), 0);
  });

  it('takes a body of that length, stated or not', () => {
    for (const length of [10, UNKNOWN_LENGTH]) {
      const scene = setUp({ maxBodyBytes: 10 });
      const { exchange, body } = post(scene, length);
      assert.ok(body.push(Buffer.alloc(10)));
      body.finish(undefined);
      scene.attempt.answer(200);
      assert.equal(exchange.status, 200);
    }
  });

  it('ends a request whose body turns out longer, and resets its upstream', () => {
    const scene = setUp({ maxBodyBytes: 10 });
    const { exchange, body } = post(scene, UNKNOWN_LENGTH);
    body.push(Buffer.alloc(10));
    assert.equal(exchange.status, undefined);
    body.push(Buffer.alloc(1));
    assert.equal(exchange.status, 413);
    assert.equal(exchange.over, 'end');
    assert.equal((scene.attempt.cancelled as GatewayError).code, 'body-too-large');
    // Nothing is held against who was sent it.
    assert.equal(scene.metric('client', '#/fake/web', 'failure_accrual', 'removals'), 0);
    assert.equal(scene.metric('service', 'svc/web', 'failures'), 0);
    assert.equal(scene.metric('service', 'svc/web', 'pending'), 0);
  });

  it('breaks off a response that has begun', () => {
    const scene = setUp({ maxBodyBytes: 10 });
    const { exchange, body } = post(scene, UNKNOWN_LENGTH);
    scene.attempt.answerHead(200);
    body.push(Buffer.alloc(11));
    assert.deepEqual([exchange.status, exchange.over], [200, 'fail']);
    assert.ok(scene.attempt.cancelled);
  });

  it('ends a request that waits to be bound', () => {
    const scene = setUp({ maxBodyBytes: 10 });
    scene.bindPending('web');
    const { exchange, body } = post(scene, UNKNOWN_LENGTH);
    body.push(Buffer.alloc(11));
    assert.equal(exchange.status, 413);
    scene.bind('web', '10.0.0.1:80');
    assert.equal(scene.attempts.length, 0);
  });

  it('counts what comes before a tunnel is open, and nothing in it', () => {
    const scene = setUp({ maxBodyBytes: 10 });
    const open = post(scene, UNKNOWN_LENGTH, 'websocket');
    scene.attempt.answerHead(101, { upgrade: 'websocket' });
    open.body.push(Buffer.alloc(1000));
    assert.deepEqual([open.exchange.status, open.exchange.over], [101, undefined]);

    const closed = post(scene, UNKNOWN_LENGTH, 'websocket');
    closed.body.push(Buffer.alloc(1000));
    assert.equal(closed.exchange.status, 413);
  });

  it('is RESOURCE_EXHAUSTED to a gRPC client', () => {
    const scene = setUp({ maxBodyBytes: 10 });
    const exchange = scene.ask('web', [['content-type', 'application/grpc']], { contentLength: 11, hasBody: true });
    assert.deepEqual([exchange.status, field(exchange, 'grpc-status')], [200, '8']);
  });
});

describe('backend protocol of a route', () => {
  it('makes clients of its own, with the service of that name', () => {
    const name = pathFromText('svc', 'web');
    const policies: Readonly<Record<string, RoutePolicy>> = {
      https: { ...NO_POLICY, backend: 'https' },
      grpc: { ...NO_POLICY, backend: 'grpc' },
      none: NO_POLICY,
    };
    const identify: Identifier = ({ headers }): Path | Route => {
      const policy = policies[headers.get('host') ?? ''];
      return policy ? new Route(name, policy) : name;
    };
    const scene = setUp({}, { identify });
    for (const host of ['plain', 'none', 'https', 'grpc', 'https']) {
      scene.ask(host);
      scene.attempt.answer(200);
    }
    assert.deepEqual(clientIds(scene), [
      '/#/fake/web',
      '/%/linkgate.backend/https/#/fake/web',
      '/%/linkgate.backend/grpc/#/fake/web',
    ]);
    assert.equal(scene.metric('service', 'svc/web', 'requests'), 5);
    assert.equal(scene.metric('client', '#/fake/web', 'requests'), 2);
    assert.equal(scene.metric('client', '%/linkgate.backend/https/#/fake/web', 'requests'), 2);
    assert.equal(scene.router.services().length, 3);
  });

  it('is not that of a fallback', () => {
    const breaker = new FakeBreaker('/svc/other');
    breaker.state = 'open';
    const service = (name: string) => (name === '/svc/web' ? { makeBreaker: () => breaker } : {});
    const scene = setUp({ backend: 'https' }, { service });
    scene.bind('other', '10.0.0.2:80');
    scene.ask('web');
    assert.equal(scene.attempt.endpoint, '10.0.0.2:80');
    assert.ok(clientIds(scene).includes('/#/fake/other'));
  });
});

describe('answer of an identifier that is no name', () => {
  it('is a redirect with Location and without a body', () => {
    const scene = setUp({}, { identify: () => new Redirect(308, 'https://shop.example.com/a?b') });
    const exchange = scene.ask('web');
    assert.deepEqual([exchange.status, exchange.text, exchange.over], [308, '', 'end']);
    assert.equal(field(exchange, 'location'), 'https://shop.example.com/a?b');
    assert.equal(exchange.heads[0]?.hasBody, false);
    assert.equal(scene.attempts.length, 0);
    assert.equal(scene.metric('server', 'status', '308'), 1);
    assert.equal(scene.metric('server', 'success'), 1);
    assert.deepEqual(scene.router.services(), []);
  });

  for (const [code, status] of [
    ['forbidden', 403],
    ['not-found', 404],
    ['routes-pending', 503],
  ] as const) {
    it(`is ${status} for the error ${code}`, () => {
      const identify = (): never => {
        throw new GatewayError(code, `this is ${code}`);
      };
      const exchange = setUp({}, { identify }).ask('web');
      assert.deepEqual([exchange.status, exchange.text], [status, `this is ${code}`]);
    });
  }

  it('is 400 for any other error', () => {
    const identify = (): never => {
      throw new RangeError('no such thing');
    };
    const exchange = setUp({}, { identify }).ask('web');
    assert.equal(exchange.status, 400);
    assert.match(exchange.text, /^Unknown destination: .* \/ no such thing$/);
  });
});

function field(exchange: RoutedExchange, name: string): string | undefined {
  return exchange.heads.at(-1)?.headers.get(name);
}
