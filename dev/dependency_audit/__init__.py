"""Are there known vulnerabilities in what the lock files pin?"""
