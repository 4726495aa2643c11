function clipSection() {}
function phoneSection() {}
