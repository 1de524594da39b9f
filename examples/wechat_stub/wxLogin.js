// Puts the page with the code into an element, with the parameters that WeChat's script sends.
{
  const { origin } = new URL(document.currentScript.src);
  window.WxLogin = function WxLogin(settings) {
    const { id, appid, scope, redirect_uri, state, self_redirect } = settings;
    const itself = typeof self_redirect === 'boolean' ? self_redirect : 'default';
    const frame = document.createElement('iframe');
    // As there, the values are taken as they are: encoding them is the caller's.
    frame.src = `${origin}/connect/qrconnect?appid=${appid}&scope=${scope}`
      + `&redirect_uri=${redirect_uri}&state=${state}&login_type=jssdk&self_redirect=${itself}`
      + `&styletype=${settings.styletype ?? ''}&sizetype=${settings.sizetype ?? ''}`
      + `&bgcolor=${settings.bgcolor ?? ''}&rst=${settings.rst ?? ''}`
      + (settings.style ? `&style=${settings.style}` : '')
      + (settings.href ? `&href=${settings.href}` : '');
    frame.width = '300';
    frame.height = '400';
    document.getElementById(id).replaceChildren(frame);
  };
}
