// A passkey's ceremony (WebAuthn Level 3): a form's fields go to one address, which
// answers with options; what the authenticator says goes to another, which answers with
// where to go on.
import { one } from "./dom.ts";
import { say } from "./texts.ts";

interface Options {
  publicKey: PublicKeyCredentialCreationOptionsJSON | PublicKeyCredentialRequestOptionsJSON;
}

class Refused extends Error {}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-island='passkey']")) start(form);

function start(form: HTMLFormElement): void {
  const told = one<HTMLElement>("[role='alert']", form);
  const button = one<HTMLButtonElement>("button", form);
  if (!window.PublicKeyCredential) {
    told.textContent = say("passkey.none");
    button.disabled = true;
    return;
  }
  button.disabled = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    told.textContent = "";
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    run(form)
      .then((then) => location.assign(then))
      .catch((why: unknown) => {
        told.textContent = words(why);
        button.disabled = false;
        button.removeAttribute("aria-busy");
        button.focus();
      });
  });
}

async function run(form: HTMLFormElement): Promise<string> {
  const fields = Object.fromEntries([...new FormData(form)].map(([k, v]) => [k, String(v)]));
  const { publicKey } = (await post(form.dataset.begin!, fields)) as Options;
  const made = "user" in publicKey ? await create(publicKey) : await get(publicKey);
  const { then } = (await post(form.dataset.finish!, made)) as { then: string };
  return then;
}

async function create(o: PublicKeyCredentialCreationOptionsJSON): Promise<unknown> {
  const made = await navigator.credentials.create({
    publicKey: {
      ...(o as unknown as PublicKeyCredentialCreationOptions),
      challenge: bytes(o.challenge),
      user: { ...o.user, id: bytes(o.user.id) },
      excludeCredentials: (o.excludeCredentials ?? []).map(descriptor),
    },
  });
  const credential = made as PublicKeyCredential;
  const answer = credential.response as AuthenticatorAttestationResponse;
  return {
    ...plain(credential),
    response: { clientDataJSON: text(answer.clientDataJSON), attestationObject: text(answer.attestationObject), transports: answer.getTransports() },
  };
}

async function get(o: PublicKeyCredentialRequestOptionsJSON): Promise<unknown> {
  const got = await navigator.credentials.get({
    publicKey: {
      ...(o as unknown as PublicKeyCredentialRequestOptions),
      challenge: bytes(o.challenge),
      allowCredentials: (o.allowCredentials ?? []).map(descriptor),
    },
  });
  const credential = got as PublicKeyCredential;
  const answer = credential.response as AuthenticatorAssertionResponse;
  return {
    ...plain(credential),
    response: {
      clientDataJSON: text(answer.clientDataJSON),
      authenticatorData: text(answer.authenticatorData),
      signature: text(answer.signature),
      userHandle: answer.userHandle ? text(answer.userHandle) : undefined,
    },
  };
}

function plain(c: PublicKeyCredential): object {
  return { id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment ?? undefined, clientExtensionResults: c.getClientExtensionResults() };
}

function descriptor(d: PublicKeyCredentialDescriptorJSON): PublicKeyCredentialDescriptor {
  return { ...(d as unknown as PublicKeyCredentialDescriptor), id: bytes(d.id) };
}

async function post(address: string, body: unknown): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Refused(say("passkey.lost"));
  }
  const said = (await answer.json().catch(() => ({}))) as { message?: string };
  if (!answer.ok) throw new Refused(said.message ?? say("passkey.lost"));
  return said;
}

/** What went wrong, as the person can act on it. */
function words(why: unknown): string {
  if (why instanceof Refused) return why.message;
  if (why instanceof DOMException && why.name === "InvalidStateError") return say("passkey.known");
  if (why instanceof DOMException && why.name === "SecurityError") return say("passkey.origin");
  return say("passkey.cancelled");
}

/** base64url without padding. */
function text(b: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const base64 = base64url.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}
