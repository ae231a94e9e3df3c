// A directory for tests: oidc-provider on loopback, with a sign-in page that takes
// ?login=NAME at its word. It prints its issuer, and takes one JSON object a line on
// standard input, whose fields count from then on:
//
//	{"people": {"alice": {"name": "Alice", "groups": ["a"]}}}   who there is
//	{"keys": [JWK, ...]}                                        keys to sign by
//	{"inToken": true}                                           groups in the ID token too
//	{"back": "http://...", "out": "http://..."}                 where it leads back to
//
// It answers each with a line "ok", and ends when its input does.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider, errors } from 'oidc-provider';

console.info = console.warn = console.error; // its advice is no answer
const [port, clientID, clientSecret] = process.argv.slice(-3);
const state = { people: {}, keys: undefined, inToken: false, back: undefined, out: undefined };
let provider, answer, issuer;

function make() {
    provider = new Provider(issuer, {
        clients: [{
            client_id: clientID, client_secret: clientSecret, redirect_uris: [state.back], post_logout_redirect_uris: [state.out],
            grant_types: ['authorization_code'], response_types: ['code'], id_token_signed_response_alg: 'ES256',
        }],
        jwks: { keys: state.keys },
        cookies: { keys: ['for tests'] },
        scopes: ['openid', 'profile', 'groups'],
        claims: { openid: ['sub'], profile: ['name', 'preferred_username'], groups: ['groups'] },
        conformIdTokenClaims: !state.inToken,
        features: { devInteractions: { enabled: false } },
        interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
        findAccount: (_, id) => state.people[id] && { accountId: id, claims: () => ({ sub: id, ...state.people[id] }) },
        async loadExistingGrant(ctx) { // nobody is asked whether the city's own hub may know them
            const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
            grant.addOIDCScope('openid profile groups');
            await grant.save();
            return grant;
        },
    });
    provider.on('server_error', (_, e) => console.error(e));
    answer = provider.callback();
}

const server = createServer(async (req, res) => {
    const url = new URL(req.url, issuer);
    if (!url.pathname.startsWith('/interaction/')) return answer(req, res);
    try {
        const who = url.searchParams.get('login');
        const ago = Number(url.searchParams.get('ago') ?? 0);
        const result = who
            ? { login: { accountId: who, ts: Math.floor(Date.now() / 1000) - ago } }
            : { error: 'access_denied', error_description: '<script>words of somebody else</script>' };
        await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
    } catch (e) {
        res.writeHead(e instanceof errors.OIDCProviderError ? 400 : 500).end(String(e));
    }
});
server.listen(Number(port), '127.0.0.1', () => {
    issuer = `http://127.0.0.1:${server.address().port}`;
    console.log(issuer);
});
createInterface({ input: process.stdin }).on('line', (line) => {
    Object.assign(state, JSON.parse(line));
    make();
    console.log('ok');
}).on('close', () => process.exit(0));
