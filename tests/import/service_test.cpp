#include "import/support.h"

namespace stead::importing::test {

namespace {

TEST(Services, WriteSystemdsDefaultsWhereOursAreOthers) {
    const ImportedUnit unit = service("");
    EXPECT_EQ(value(unit, "restart"), R"({ policy = "no" })");
    EXPECT_EQ(value(unit, "stop.timeout"), R"("90s")");
    EXPECT_EQ(value(unit, "enabled"), "false");
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Services, RestartAsSystemdWould) {
    const ImportedUnit unit = service("Restart=on-failure\nRestartSec=5\nStartLimitBurst=3\n");
    EXPECT_EQ(value(unit, "restart.policy"), R"("on-failure")");
    EXPECT_EQ(value(unit, "restart.delay"), R"("5s")");
    EXPECT_EQ(value(unit, "restart.factor"), "1.0");
    EXPECT_EQ(value(unit, "restart.burst"), "3");
    EXPECT_EQ(value(unit, "restart.interval"), R"("10s")");
    EXPECT_EQ(mapping(service("Restart=on-abort\n"), "Restart"), Mapping::Approximated);
    EXPECT_EQ(mapping(service("Restart=sometimes\n"), "Restart"), Mapping::NotMapped);
}

TEST(Services, TakeTheLastLineOfOneKindAndSaySoOfTheOthers) {
    const ImportedUnit unit = service("User=a\nUser=b\n");
    EXPECT_EQ(value(unit, "user"), R"("b")");
    EXPECT_EQ(note(unit, "User"), "a later line replaces it");
}

TEST(Services, ForgetAListAtAnEmptyLine) {
    const ImportedUnit unit = unit_of("[Service]\nExecStart=/bin/a\nEnvironment=A=1\n"
                                      "Environment=\nEnvironment=B=2 \"C=3 4\"\n"
                                      "ExecStart=\nExecStart=/bin/b\n");
    EXPECT_EQ(value(unit, "environment"), R"({ B = "2", C = "3 4" })");
    EXPECT_EQ(value(unit, "command"), R"(["/bin/b"])");
}

TEST(Services, ThatMakeTheLogsSocketSeeTheGuestsDevices) {
    const char* const sandbox = "[Service]\nExecStart=/bin/a\nPrivateDevices=yes\n";
    EXPECT_EQ(value(unit_of(sandbox), "files.private-devices"), "true");
    const ImportedUnit logger = unit_of(std::string("[Unit]\nRequires=syslog.socket\n") + sandbox);
    EXPECT_EQ(value(logger, "files.private-devices"), "");
    EXPECT_EQ(mapping(logger, "PrivateDevices"), Mapping::NotMapped);
}

TEST(Services, HaveTheirTypes) {
    EXPECT_EQ(value(service("Type=simple\n"), "type"), "");
    EXPECT_EQ(value(service("Type=notify\n"), "type"), R"("notify")");
    EXPECT_EQ(value(service("Type=forking\nPIDFile=/var/run/a.pid\n"), "ready.pid-file"),
              R"("/run/a.pid")");
    const ImportedUnit oneshot = service("Type=oneshot\n");
    EXPECT_EQ(value(oneshot, "remain-after-exit"), "false");
    EXPECT_EQ(value(oneshot, "ready.timeout"), R"("infinity")");
    EXPECT_EQ(value(service("Type=notify-reload\n"), "reload.signal"), R"("HUP")");
    EXPECT_EQ(value(service("Type=notify-reload\n"), "reload.notify"), "true");
    EXPECT_EQ(mapping(service("Type=idle\n"), "Type"), Mapping::Approximated);
    EXPECT_EQ(mapping(service("Type=odd\n"), "Type"), Mapping::NotMapped);
}

TEST(Services, AskTheBusForTheirName) {
    const ImportedUnit unit = service("Type=dbus\nBusName=org.example.Web\n");
    EXPECT_EQ(mapping(unit, "Type"), Mapping::Approximated);
    EXPECT_NE(value(unit, "ready.exec").find("string:org.example.Web"), std::string::npos);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Services, ReloadByASignalWhereTheCommandOnlySendsOne) {
    EXPECT_EQ(value(service("ExecReload=/bin/kill -HUP $MAINPID\n"), "reload"),
              R"({ signal = "HUP" })");
    EXPECT_EQ(value(service("ExecReload=kill -s USR2 ${MAINPID}\n"), "reload"),
              R"({ signal = "USR2" })");
    EXPECT_EQ(value(service("ExecReload=/bin/web check\nExecReload=/bin/kill -HUP $MAINPID\n"),
                    "reload.command"),
              R"(["/bin/sh", "-c", "/bin/web check && /bin/kill -HUP $MAINPID"])");
    EXPECT_EQ(value(service("ExecStop=/bin/kill -QUIT $MAINPID\n"), "stop.signal"), R"("QUIT")");
}

TEST(Services, AreSignalledBehindWhatStopsThem) {
    const ImportedUnit unit =
        service("ExecStop=/bin/tidy\nExecStop=-/bin/kick $MAINPID\nTimeoutStopSec=3min\n");
    EXPECT_EQ(value(unit, "hooks.pre-stop"),
              R"([["/bin/tidy"], ["/bin/sh", "-c", "/bin/kick $MAINPID || :"]])");
    EXPECT_EQ(value(unit, "stop.command"), "");
    EXPECT_EQ(value(unit, "hooks.timeout"), R"("3m")");
    EXPECT_EQ(mapping(unit, "ExecStop"), Mapping::Approximated);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Services, OfOneCommandAreStoppedWhenItHasEnded) {
    const std::string commands = "Type=oneshot\nExecStop=/bin/b\nExecStopPost=/bin/c\n";
    EXPECT_EQ(value(service(commands), "hooks.post-stop"), R"([["/bin/b"], ["/bin/c"]])");
    const ImportedUnit remaining = service(commands + "RemainAfterExit=yes\n");
    EXPECT_EQ(value(remaining, "hooks.pre-stop"), R"([["/bin/b"]])");
    EXPECT_EQ(mapping(remaining, "ExecStop"), Mapping::Exact);
}

TEST(Services, ThatAreUpWithoutAProcessAreOneshots) {
    const ImportedUnit unit = service("RemainAfterExit=yes\n");
    EXPECT_EQ(value(unit, "remain-after-exit"), "");
    EXPECT_EQ(mapping(unit, "RemainAfterExit"), Mapping::NotMapped);
}

TEST(Services, RunTheEarlierCommandsOfAOneshotAsHooks) {
    const ImportedUnit unit = unit_of("[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                                      "ExecStartPre=/bin/a\nExecStart=/bin/b\n"
                                      "ExecStart=-/bin/c\nExecStart=/bin/d ; /bin/e \\; f\n");
    EXPECT_EQ(value(unit, "hooks.pre-start"),
              R"([["/bin/a"], ["/bin/b"], ["/bin/sh", "-c", "/bin/c || :"], ["/bin/d"]])");
    EXPECT_EQ(value(unit, "command"), R"(["/bin/e", ";", "f"])");
    EXPECT_EQ(value(unit, "remain-after-exit"), "true");
    EXPECT_EQ(value(unit, "hooks.timeout"), R"("infinity")");
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Commands, KeepWhatUnitFilesWouldReplace) {
    const ImportedUnit unit =
        unit_of("[Service]\nExecStart=/bin/a 100%% $${HOME} \"b c\" 'd' $$x :$\n");
    EXPECT_EQ(value(unit, "command"), R"(["/bin/a", "100%%", "$${HOME}", "b c", "d", "$x", ":$"])");
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Commands, PutInVariablesThatAreKnown) {
    const ImportedUnit unit = unit_of("[Service]\nEnvironment=ONE=a \"TWO=b c\"\n"
                                      "ExecStart=/bin/a --x=${ONE} $ONE $TWO\n");
    EXPECT_EQ(value(unit, "command"), R"(["/bin/a", "--x=${ONE}", "${ONE}", "b", "c"])");
    EXPECT_EQ(mapping(unit, "ExecStart"), Mapping::Exact);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Commands, LeaveTheWordsOfFilesToTheUnitFile) {
    const ImportedUnit unit = unit_of("[Service]\nEnvironment=B=1\nEnvironmentFile=-/etc/a\n"
                                      "ExecStart=/bin/a $OPTS --b=${B} 'c d' $B\n");
    EXPECT_EQ(value(unit, "command"), R"("/bin/a $OPTS --b=\"${B}\" 'c d' $B")");
    EXPECT_EQ(mapping(unit, "ExecStart"), Mapping::Exact);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Commands, LeaveVariablesOfNobodyToAShell) {
    const ImportedUnit unit = unit_of("[Service]\nExecStart=/bin/a -f '$X Y' ${LANG}/z $OPTS\n");
    EXPECT_EQ(value(unit, "command"),
              R"(["/bin/sh", "-c", "set -f; exec /bin/a -f '$X Y' \"$LANG\"/z $OPTS"])");
    EXPECT_EQ(mapping(unit, "ExecStart"), Mapping::Approximated);
}

TEST(Commands, TakePrefixesOff) {
    EXPECT_EQ(value(unit_of("[Service]\nExecStart=@/bin/a a -x\n"), "command"),
              R"(["/bin/a", "-x"])");
    EXPECT_EQ(value(unit_of("[Service]\nExecStart=:/bin/a ${X}\n"), "command"),
              R"(["/bin/a", "$${X}"])");
    EXPECT_EQ(mapping(unit_of("[Service]\nExecStart=@/bin/a other -x\n"), "ExecStart"),
              Mapping::Approximated);
    EXPECT_EQ(mapping(unit_of("[Service]\nExecStart=-/bin/a\n"), "ExecStart"),
              Mapping::Approximated);
    EXPECT_EQ(mapping(service("User=web\nExecStartPre=+/bin/mk\n"), "ExecStartPre"),
              Mapping::NotMapped);
    EXPECT_EQ(mapping(service("User=web\nExecStartPre=!!/bin/mk\n"), "ExecStartPre"),
              Mapping::Exact);
}

TEST(Commands, ThatAreNoneAreListed) {
    for (const char* line : {"\"/bin/a", "-", "/bin/a \\x00", "/bin/a %H"}) {
        const ImportedUnit unit = unit_of("[Service]\nExecStart=" + std::string(line) + "\n");
        EXPECT_EQ(mapping(unit, "ExecStart"), Mapping::NotMapped) << line;
        EXPECT_EQ(value(unit, "command").find("bin/a"), std::string::npos) << line;
    }
}

TEST(Specifiers, AreResolvedWhereTheyAreKnown) {
    const ImportedUnit unit = unit_of(
        "[Unit]\nDescription=%p on %I of %n\n[Service]\nExecStart=/bin/a %i %p %N %t %S %% %z\n",
        "x-y@.service");
    EXPECT_EQ(value(unit, "description"), R"("x-y on %i of %n.service")");
    EXPECT_EQ(value(unit, "command"),
              R"(["/bin/a", "%i", "x-y", "%n", "/run", "/var/lib", "%%", "%%z"])");
    EXPECT_EQ(mapping(unit, "Description"), Mapping::Approximated);
}

TEST(Specifiers, ThatOnlyTheMachineKnowsAreTheReason) {
    const ImportedUnit unit = service("WorkingDirectory=/srv/%m\n");
    EXPECT_EQ(note(unit, "WorkingDirectory"),
              "%m, the machine id, is not known before the unit runs");
}

TEST(Folders, AreToldToTheProgramAsSystemdDoes) {
    const ImportedUnit unit = service("StateDirectory=web web/data\nRuntimeDirectoryMode=0700\n");
    EXPECT_EQ(value(unit, "directories.state"), R"(["web", "web/data"])");
    EXPECT_EQ(value(unit, "environment"),
              R"({ STATE_DIRECTORY = "/var/lib/web:/var/lib/web/data" })");
    EXPECT_EQ(value(unit, "directories.mode"), R"("0700")");
    EXPECT_EQ(value(service("RuntimeDirectory=web\n"), "directories.mode"), R"("0755")");
}

TEST(Execution, KeepsUserEnvironmentLimitsAndLogs) {
    const ImportedUnit unit =
        service("User=web\nGroup=www-data\nUMask=7\nNice=5\nOOMScoreAdjust=900\n"
                "LimitNOFILE=1024:4096\nLimitCORE=0\nStandardOutput=null\nStandardError=append:/a\n"
                "PassEnvironment=A\nUnsetEnvironment=LANG\nIOSchedulingPriority=2\n"
                "CPUSchedulingPolicy=rr\nCPUSchedulingPriority=10\nCPUAffinity=0 2-3\n"
                "LoadCredential=key:/etc/key\n");
    EXPECT_EQ(value(unit, "umask"), R"("0007")");
    EXPECT_EQ(value(unit, "scheduling.nice"), "5");
    EXPECT_EQ(value(unit, "scheduling.oom-score-adjust"), "900");
    EXPECT_EQ(value(unit, "limits.nofile"), R"("1024:4096")");
    EXPECT_EQ(value(unit, "limits.core"), "0");
    EXPECT_EQ(value(unit, "log.output"), R"("null")");
    EXPECT_EQ(value(unit, "log.error"), R"("file:/a")");
    EXPECT_EQ(value(unit, "environment-inherit"), R"(["...", "A", "!LANG"])");
    EXPECT_EQ(value(unit, "scheduling.io"), R"("best-effort:2")");
    EXPECT_EQ(value(unit, "scheduling.cpu-policy"), R"("rr:10")");
    EXPECT_EQ(value(unit, "scheduling.cpu-affinity"), R"("0,2-3")");
    EXPECT_EQ(value(unit, "credentials.key"), R"("file:/etc/key")");
    EXPECT_EQ(unit.count(Mapping::NotMapped), 0U);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Execution, HasTheClassesAndPoliciesOfUnitFiles) {
    for (const char* word : {"realtime", "1"}) {
        const ImportedUnit unit =
            service("IOSchedulingClass=" + std::string(word) + "\nCPUSchedulingPolicy=fifo\n");
        EXPECT_EQ(value(unit, "scheduling.io"), R"("real-time:4")");
        EXPECT_EQ(value(unit, "scheduling.cpu-policy"), R"("fifo:1")");
        EXPECT_EQ(unit.count(Mapping::NotMapped), 0U);
        EXPECT_EQ(mistakes(unit), "");
    }
    EXPECT_EQ(value(service("IOSchedulingClass=idle\n"), "scheduling.io"), R"("idle")");
    const ImportedUnit plain = service("CPUSchedulingPolicy=batch\nCPUSchedulingPriority=5\n");
    EXPECT_EQ(value(plain, "scheduling.cpu-policy"), R"("batch")");
    EXPECT_EQ(mapping(plain, "CPUSchedulingPriority"), Mapping::NotMapped);
    EXPECT_EQ(mapping(service("SetLoginEnvironment=yes\n"), "SetLoginEnvironment"), Mapping::Exact);
}

TEST(Execution, IsNotFavouredOverTheHosts) {
    const ImportedUnit unit = service("Nice=-5\nOOMScoreAdjust=-900\n");
    EXPECT_EQ(value(unit, "scheduling.nice"), "");
    EXPECT_EQ(value(unit, "scheduling.oom-score-adjust"), "");
    EXPECT_EQ(unit.count(Mapping::NotMapped), 2U);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Sandboxes, SayTheRootAsTheWholeSystem) {
    for (const char* lines : {"ReadOnlyDirectories=/\nProtectSystem=true\n",
                              "ProtectSystem=true\nReadOnlyDirectories=/\n"}) {
        const ImportedUnit unit = service(std::string(lines) + "ReadWritePaths=-/var/lib/a\n");
        EXPECT_EQ(value(unit, "files.read-only"), "") << lines;
        EXPECT_EQ(value(unit, "files.protect-system"), R"("strict")") << lines;
        EXPECT_EQ(value(unit, "files.read-write"), R"(["-/var/lib/a"])") << lines;
        EXPECT_EQ(mapping(unit, "ReadOnlyDirectories"), Mapping::Approximated) << lines;
        EXPECT_EQ(mistakes(unit), "") << lines;
    }
    EXPECT_EQ(value(service("ReadWritePaths=/\n"), "files.read-write"), "");
    for (const char* name : {"InaccessiblePaths", "TemporaryFileSystem"}) {
        const ImportedUnit unit = service(std::string(name) + "=/\n");
        EXPECT_EQ(value(unit, "files.hidden"), "") << name;
        EXPECT_EQ(mapping(unit, name), Mapping::NotMapped) << name;
    }
}

TEST(Sandboxes, TakeAwayWhatSystemdWould) {
    const ImportedUnit unit =
        service("ProtectClock=yes\nCapabilityBoundingSet=CAP_CHOWN CAP_SYS_TIME\n"
                "NoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\n"
                "RestrictAddressFamilies=AF_INET AF_UNIX\nMemoryDenyWriteExecute=yes\n"
                "PrivateNetwork=yes\nReadWritePaths=/srv\n");
    EXPECT_EQ(value(unit, "capabilities"), R"(["CHOWN", "SYS_TIME", "!SYS_TIME"])");
    EXPECT_EQ(value(unit, "no-new-privileges"), "true");
    EXPECT_EQ(value(unit, "files.protect-system"), R"("strict")");
    EXPECT_EQ(value(unit, "files.hidden"), R"(["-/home", "-/root", "-/run/user"])");
    EXPECT_EQ(value(unit, "address-families"), R"(["AF_INET", "AF_UNIX"])");
    EXPECT_EQ(value(unit, "write-execute"), "false");
    EXPECT_EQ(value(unit, "namespaces"), R"(["net"])");
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Sandboxes, KnowTheTwoFormsOfASet) {
    EXPECT_EQ(value(service("CapabilityBoundingSet=\n"), "capabilities"), "[]");
    EXPECT_EQ(value(service("CapabilityBoundingSet=~CAP_SYS_ADMIN\n"), "capabilities"),
              R"(["...", "!SYS_ADMIN"])");
    const std::string calls = value(service("SystemCallFilter=~@resources\n"), "system-calls");
    EXPECT_NE(calls.find("\"!setrlimit\""), std::string::npos);
    EXPECT_EQ(calls.find("@resources"), std::string::npos);
    const ImportedUnit unit = service("SystemCallFilter=~@mount @reboot\n");
    EXPECT_EQ(value(unit, "system-calls"), R"(["...", "!@mount", "!@reboot"])");
    EXPECT_EQ(value(unit, "system-call-error"), R"("kill")");
}

TEST(Levels, AreThoseOfTheUnitsGroup) {
    const ImportedUnit unit = service("MemoryMax=512M\nTasksMax=64\nCPUQuota=150%\nIOWeight=50\n"
                                      "CPUShares=2048\nTasksMax=99%\n");
    EXPECT_EQ(value(unit, "limits.memory-max"), R"("512M")");
    EXPECT_EQ(value(unit, "limits.cpu-max"), R"("150%")");
    EXPECT_EQ(value(unit, "limits.cpu-weight"), "200");
    EXPECT_EQ(value(unit, "limits.pids-max"), "");
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Directives, ThatNobodyKnowsAreListed) {
    const ImportedUnit unit = service("Frobnicate=yes\n[Mount]\nWhat=/dev/sda\n");
    EXPECT_EQ(mapping(unit, "Frobnicate"), Mapping::NotMapped);
    EXPECT_EQ(mapping(unit, "What"), Mapping::NotMapped);
    EXPECT_NE(unit.text.find("Frobnicate=yes"), std::string::npos);
}

TEST(Values, ThatTheReaderRefusesAreTakenOutWithItsWords) {
    const ImportedUnit unit = service("User=a/b\nWorkingDirectory=../x\nUMask=0027\n");
    EXPECT_EQ(mapping(unit, "User"), Mapping::NotMapped);
    EXPECT_EQ(mapping(unit, "WorkingDirectory"), Mapping::NotMapped);
    EXPECT_NE(note(unit, "User").find("which no name has"), std::string::npos);
    EXPECT_EQ(value(unit, "umask"), R"("0027")");
    EXPECT_EQ(mistakes(unit), "");
}

} // namespace

} // namespace stead::importing::test
