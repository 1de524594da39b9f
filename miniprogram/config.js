// What a team changes before it publishes.

module.exports = {
  // The public https address of the Saoma server, without a slash at its end. Its domain must be among the
  // request domains in WeChat's console, or no request leaves the phone.
  server: 'https://login.example.com',

  // How people know the site that they log in to. It stands on the page on which they decide.
  siteName: { 'zh-CN': '示例网站', en: 'Example' },
};
