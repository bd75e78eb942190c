-- A definition hash covers what a feature means (the module feature_definitions), and no longer the text of modules.
-- Rows computed by the last code that hashed modules (commit e3a66e2) get the hash of the same definition, so that they wait for
-- no backfill. Rows of code before it keep theirs and do. That hash depended on the Python that ran, so each view has several.
with hashed_code (view, definition_hash) as (
    values
    -- Python 3.11
    ('sport_stats', '32d6bcc39cbdfbbf8449c2c4798a81bd3f61861000eae02307688f37885a732e'),
    ('sport_market_stats', '13a3c83d824e93402dd6aef3926c5f6fcde3060134e81bac412a7f723c8f0652'),
    ('sport_market_recent', '5a227e607d30cf576c11718d6d0a96b0ba87749177840cc08a1aaebb88565317'),
    ('sport_league_stats', 'b15bfeac2d8d3287a62f4f8a4cb22843a9af4c1de5294e7738decbe992a5b7ea'),
    ('sport_league_market_stats', '247e87a4e5d6bc93302bbb4373ee68e4d393d97ceab31d29e96466375a7a4269'),
    ('institution_stats', '61d92209e18909ce8204584a9283e9b2a2cf57a9a77024e4738511d154f388df'),
    ('bet_facts', '92eae6bedd57617bf56df3a76b5f0552561b75ccded22b9e117bd4e29809facb'),
    ('bet_closing_line', '93652c4d1197cf16572d523fbb133b218dc52950091fc990b8776e46aa669fdf'),
    -- Python 3.12
    ('sport_stats', 'ae2f8224ccdbc443bd9243b9f150cf368f503020bccc224d561aa68c602f58f8'),
    ('sport_market_stats', '8978cc53c36fcd9e7d6831fb7c19cb832265b601650c61f8ed15ac69cd85252d'),
    ('sport_market_recent', 'ba335c844b5047df2d8eca407009e9d86624264e2e76b9cfb4a48ef3571a6b3d'),
    ('sport_league_stats', '3ab7c2c29158d3d38b7a4217bab902d87aa0946909bfe93a8e54b2c00984ad4e'),
    ('sport_league_market_stats', 'dbee378f1c87414fda8e2837ce5a206e4cc6ac20860d42058c5983ed0de2373d'),
    ('institution_stats', '2126a60ad24ec37ca61503809190dcb09aa0d50d654a5eb18ca5ecb473971a99'),
    ('bet_facts', '6ac36f9badd61d2b56bbfad29815a69580f4da56b6da0520c83db08f0b20d5cd'),
    ('bet_closing_line', 'bd97acdec17bb75201ea65b7c588a5592327922f800797888c31fa71af255892'),
    -- Python 3.13
    ('sport_stats', 'c2e18d2cc1345e624ac927c266cb96d23c4bbc781387af57453013b33abc3131'),
    ('sport_market_stats', '23d4f81eccc9bfcf7d72717ced41b7ca3580b26a03d824a1054811281cc5787d'),
    ('sport_market_recent', '607f61eba6fa5fa636c5b12bb152ed484362d13674d918197552fdb24ca7761f'),
    ('sport_league_stats', '5dad864a273ec665c3abb6a14d0c7e14f1428126632c58485db702679a2ad8a1'),
    ('sport_league_market_stats', '3ab15c2396694b44105b06decffa87a57e99c4db5117fac8f3616d1e6e0dcfa6'),
    ('institution_stats', '482fe09d0fd3b4bad78d8b0525c1ace0e7b7c170f4a26410a6f3eeb1d4ec5020'),
    ('bet_facts', '85421a4022c674f3a6410bef4c6f4804da801e70b2c20af7cb03c6fe7f597f35'),
    ('bet_closing_line', '35493580a481b0b54a728d0b7846d27152d1581a15b6799a104477af98cf7c2e')
),

hashed_definition (view, feature, definition_hash) as (
    values
    ('sport_stats', 'sport_win_rate', 'df0278d5bc3964366e09f855c4ecac0b41622406ca6a372643e41506df00f1a3'),
    ('sport_stats', 'sport_roi', '1f8bdac5fbc80ca36ae63f4045016eb707fe6ba1e18a6d3ddedc80faee3fd100'),
    ('sport_stats', 'sport_avg_bet_roi', 'd8be76c6bf5c47406b6aae754e8d9135d0e0ca1340deaf7f21897e7f6ee2bc03'),
    ('sport_stats', 'sport_count', '35e44b80c58ce868dc428d0f7c5f8a7a1805a66bc6e843a3e3b404f72cbb1c9e'),
    ('sport_stats', 'sport_edge', 'a1bb4ea815c640f45d8cfca54a31939b9f921acb814b3849e2cd67ce64e36347'),
    ('sport_stats', 'sport_win_rate_shrunk', '542dc085f190b6b97c366e33f1abacafe10c80d9287b23111d19be1c4fde84de'),
    ('sport_stats', 'sport_avg_clv', 'b226b587504756b9350e005f3191c2ac3834c230708a8d8b791cdfafbfc36e8c'),
    ('sport_market_stats', 'sport_market_win_rate', '4ad531df296db64bd1d6248c40fb52080008f6dbba43b9a9cb29af5821000e6c'),
    ('sport_market_stats', 'sport_market_roi', 'ca3520ff2fce6849ca6ec05608974e33340a6ab458ee3b8e505e64da93a5af4d'),
    ('sport_market_stats', 'sport_market_avg_bet_roi', '0eafd5ac53fc4e426106927cf1239d0e2febcf0a9d6432d75d24a77e3ef62f6c'),
    ('sport_market_stats', 'sport_market_edge', '32357aa621da4e4f12657d34fba2f523fa7d5984df4cf1e1df09f35baadcb535'),
    ('sport_market_stats', 'sport_market_win_rate_shrunk', '0981303817c48880193c39cfa11c4fd97a6354a1627759c55d1ffadd9d27a956'),
    ('sport_market_stats', 'sport_market_avg_clv', 'ff2f0fdbc68bbcd7bddc67359642d900698fc26793da714ee77fa88a7d0454ec'),
    ('sport_market_recent', 'recent_win_rate', 'e20350ae671271d13ea2d661fb311ba3feadf8b0ed279d4d0e8da00e0433dca1'),
    ('sport_market_recent', 'recent_win_rate_50', 'eb600b8bb8d71b8fb0dd148f2a50ca256767c58baa08ea4cfb62be988116f950'),
    ('sport_market_recent', 'sport_market_count', '29750f09efbfce2a4f0710e6ee93be41e25301c85ea0d74268c7ae1ac137dd7d'),
    ('sport_league_stats', 'sport_league_win_rate', '02a69e6cea1467d0a4d242544289ddd6c5ef860dfaa70ccfb1adea761ee7962d'),
    ('sport_league_stats', 'sport_league_roi', 'cc8f560948127761e9860f881f4212d127ae3e5fccb25353ff7b9413976aa576'),
    ('sport_league_stats', 'sport_league_avg_bet_roi', 'ea356d096b19f10f3beda8a606e679b805c6762d004045d661343b3dc9b1d01d'),
    ('sport_league_stats', 'sport_league_count', '726b6f74ca578b572a03e963b57927aaa4a6f134e77d52aa1e9189828889d8c5'),
    ('sport_league_stats', 'sport_league_edge', '56286868ceac1cf9accb87a08ff0a84ecfdd1194644886b27871d56e256c55bd'),
    ('sport_league_stats', 'sport_league_win_rate_shrunk', '0bb284166b7ee9e0d24dbc242ead7e4c6e74e16d2dd9bebc3af1e139e1efdd2d'),
    ('sport_league_stats', 'sport_league_avg_clv', '5c92faa543eb21b0fc21753f6210715cc2cd3ef7dfc92a1da846f1bc4eae3469'),
    ('sport_league_market_stats', 'sport_league_market_win_rate', '2ea1ebb2d3dfcd276c63dda3e68bc04c6bd1421d1a3c3d8da996cdc06b18530d'),
    ('sport_league_market_stats', 'sport_league_market_roi', 'c616028f3baedbfda6c4ed7c4e5663dbb5ead27c9fc5d49486fb9c960f8cc665'),
    ('sport_league_market_stats', 'sport_league_market_avg_bet_roi', 'b20f9103536a30d49af4c7b00a40f582dbc49e010e9a152a819b6dc56241f58b'),
    ('sport_league_market_stats', 'sport_league_market_count', '90e60792c4bc2e2d0579748ffafd7c792b700ea67b8c2a6e39a2de496f565ef3'),
    ('sport_league_market_stats', 'sport_league_market_edge', '9bd1a28bc848ce1bdd63fe312b5ff4fe9067323371f6b083198d48b5f35a48ec'),
    ('sport_league_market_stats', 'sport_league_market_win_rate_shrunk', '174abd3f9fa98089c2bc03117733ec9694c346fc17f646b60364f914dbb5f3d0'),
    ('sport_league_market_stats', 'sport_league_market_avg_clv', 'e63d4e924eca08ef12d1559d68255aa69dc4e460bcd350a0c2fd6b1374887ae3'),
    ('institution_stats', 'institution_win_rate', 'fca509786bca7d20564c0ea8484fca3a1f477fac9bc55430eea7aaefacdcdc3f'),
    ('institution_stats', 'institution_roi', '24941ef22087b1fafba0859b920fea8d504e6f84ccb3a7cd78eac9ba9d42dca8'),
    ('institution_stats', 'institution_avg_bet_roi', 'e14a640ed81ebfe39a88ef3c0a905fdd3de14766cdfc5229f370edf3170397ce'),
    ('institution_stats', 'institution_count', '5b960aeb24e1305e65333c20942ef635c1fa66208c0fcc365e06e6e8cfac3f03'),
    ('institution_stats', 'institution_edge', '0096d4694642632629422b34d773aae37b796b3f915153d75cfe747eef672028'),
    ('institution_stats', 'institution_win_rate_shrunk', '74e445657d3884bf422a487cb97fe907fb073dfef1471f8dad31275194159e16'),
    ('institution_stats', 'institution_avg_clv', '3da9a52667a74e0022fde56ecfd02e3dcece1262a712f6577ce921f8726770fd'),
    ('bet_facts', 'american_odds', '1803403b5c62ea1cc8f93788e3eba3efae6bd1fca7babc55b0eca54a03fa0fb4'),
    ('bet_facts', 'decimal_odds', '3cb632e149fda1e5f27241db9066a3e645a18a88ea2c4bded91d65d573c241c7'),
    ('bet_facts', 'implied_prob', '4e5b98f586d6d5e258b4a309883688ba97da3ffcabd80bab36dbb506efbf626c'),
    ('bet_facts', 'is_live', 'a13810cc7782512342df29177dbd9fe491f365e38380cd9e3e0636b17055f59d'),
    ('bet_facts', 'bet_type', 'b1b13820e1d8d73eedd2653a21680addf64a474b6dc58a34311a71eb2336eb8b'),
    ('bet_facts', 'sport', 'e8d09c23fc87238db2eb54c02446452d954bacbb3310c8d27c93a7ab369c219d'),
    ('bet_facts', 'league', '4c8d6b3d9e715c00b768361214dd4d34d02340e77a4909998c3619d45094df8d'),
    ('bet_facts', 'market', '0f944bad9731ed9bfb9ae9ddfebd56b684c52c79837356caf001f92c235e5750'),
    ('bet_facts', 'institution_name', 'd3493ffb1ce5ebe6dfff385b9d4f348a9f2f63d9b965a925f539aa634939e568'),
    ('bet_facts', 'amount', 'fde43b457716a6449bba6533cb3a20ff4d4b9d4ec8bf1dc83e9d2a64dc2766f7'),
    ('bet_closing_line', 'clv_percentage', '77b2150da1971cf1dd14071b4ceb2bfb5bd2037fe0226b8e2d0524ec757018be'),
    ('bet_closing_line', 'clv_ev', '3a04b83755c42036824392c9832941d8a5ee39b2f65e7f3ea7f9aaf2a535391e'),
    ('bet_closing_line', 'clv_current_odds', 'b2d63bf2eaef4275fc8fa9128eb8d946ce3c2c45057a6e5db280fc1bccb74ee4')
)

update features.feature_metadata
set definition_hash = hashed_definition.definition_hash
from hashed_code
join hashed_definition using (view)
where feature_metadata.view = hashed_code.view
    and feature_metadata.feature = hashed_definition.feature
    and feature_metadata.definition_hash = hashed_code.definition_hash;
