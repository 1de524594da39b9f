// @ts-check
// The shop's own script: it hears the token, and shows what is in it.
const login = /** @type {import('./saoma-login.js').SaomaLoginElement} */ (document.querySelector('saoma-login'));
const output = /** @type {HTMLElement} */ (document.getElementById('token'));

login.addEventListener('token', ({ detail }) => {
  const { access_token, ...rest } = detail;
  // The beginning is enough to see: who has the whole of it is logged in.
  output.textContent = JSON.stringify({ access_token: `${access_token.slice(0, 16)}…`, ...rest }, null, 2);
});
for (const place of document.querySelectorAll('[data-here]')) place.textContent = new URL('.', location.href).href;
