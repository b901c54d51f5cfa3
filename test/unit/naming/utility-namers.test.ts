import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { utilityNamers } from '../../../src/naming/utility-namers.js';

const NEG = 'neg';

/** What `/$/<name>` makes of a path. */
const rows: Record<string, [path: string, expected: string][]> = {
  'io.buoyant.hostportPfx': [
    ['/x/h:80/e', '/x/h/80/e'],
    ['/x/h:80', '/x/h/80'],
    ['/x/h:http/e', '/x/h/http/e'],
    ['/x/h:8-0/e', '/x/h/8-0/e'],
    ['/x/h:HTTP/e', NEG],
    ['/x/h:-80/e', NEG],
    [`/x/h:${'a'.repeat(63)}`, `/x/h/${'a'.repeat(63)}`],
    [`/x/h:${'a'.repeat(64)}`, NEG],
    ['/x/h/e', NEG],
    ['/x/h:/e', NEG],
    ['/x/h:80:90/e', NEG],
    ['/x', NEG],
    ['/', NEG],
  ],
  'io.buoyant.porthostPfx': [
    ['/x/h:80/e', '/x/80/h/e'],
    ['/x/h', NEG],
    ['/x/h:80:90', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.anyMethod': [
    ['/GET/r', '/r'],
    ['/GET', '/'],
    ['/get/r', NEG],
    ['/GE1/r', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.anyMethodPfx': [
    ['/pfx/GET/r', '/pfx/r'],
    ['/pfx/get/r', NEG],
    ['/pfx', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.anyHost': [
    ['/foo.com/r', '/r'],
    ['/foo_bar-1.com:80/r', '/r'],
    ['/foo$/r', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.anyHostPfx': [
    ['/pfx/foo.com:80/r', '/pfx/r'],
    ['/pfx/foo%/r', NEG],
    ['/pfx', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.subdomainOf': [
    ['/b.io/foo.b.io/r', '/foo/r'],
    ['/b.io/a.c.b.io/r', '/a.c/r'],
    ['/b.io/foo.b.io:8080/r', '/foo/r'],
    ['/b.io/b.io/r', NEG],
    ['/b.io/.b.io/r', NEG],
    ['/b.io/foob.io/r', NEG],
    ['/b.io/foo.B.io/r', NEG],
    ['/b.io', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.subdomainOfPfx': [
    ['/b.io/pfx/a.c.b.io:8080/r', '/pfx/a.c/r'],
    ['/b.io/pfx/foo.b.io/r', '/pfx/foo/r'],
    ['/b.io/pfx/b.io/r', NEG],
    ['/b$/pfx/foo.b$/r', NEG],
    ['/b.io/pfx', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.domainToPath': [
    ['/foo.b.io/x', '/io/b/foo/x'],
    ['/foo.b.io:80/x', '/io:80/b/foo/x'],
    ['/foo.b.io../x', '/io/b/foo/x'],
    ['/../x', '/x'],
    ['/foo%/x', NEG],
    ['/', NEG],
  ],
  'io.buoyant.http.domainToPathPfx': [
    ['/p/foo.b.io/x', '/p/io/b/foo/x'],
    ['/p/foo.b.io:80', '/p/io:80/b/foo'],
    ['/p/1.2.3.4', '/p/4/3/2/1'],
    ['/p/foo.', '/p/foo'],
    ['/p', NEG],
    ['/', NEG],
  ],
};

/** Outputs with an empty element: an error in Linkerd too. */
const errors: [name: string, path: string][] = [
  ['io.buoyant.hostportPfx', '/x/:80'],
  ['io.buoyant.porthostPfx', '/x/:80'],
  ['io.buoyant.http.domainToPath', '/foo..io'],
  ['io.buoyant.http.domainToPathPfx', '/p/.foo.io'],
];

describe('utility namers', () => {
  it('are those of the table, and no others', () => {
    assert.deepEqual([...utilityNamers.keys()].sort(), Object.keys(rows).sort());
  });

  for (const [name, cases] of Object.entries(rows)) {
    for (const [path, expected] of cases) {
      it(`${name} makes ${path} ${expected}`, () => {
        const tree = utilityNamers.get(name)?.(parsePath(path));
        assert.equal(tree?.type === 'leaf' ? tree.value.show() : tree?.type, expected);
      });
    }
  }

  for (const [name, path] of errors) {
    it(`${name} throws on ${path}`, () => {
      assert.throws(() => utilityNamers.get(name)?.(parsePath(path)), RangeError);
    });
  }
});
