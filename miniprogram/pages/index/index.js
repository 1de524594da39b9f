// Who opens the mini program without a code is told where to find one.

const { spoken } = require('../../utils/words');

Component({
  data: { title: '', lead: '' },
  methods: {
    onLoad() {
      const { say } = spoken();
      wx.setNavigationBarTitle({ title: say('bar') });
      this.setData({ title: say('emptyTitle'), lead: say('emptyLead') });
    },
  },
});
